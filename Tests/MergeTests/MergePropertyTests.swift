import Compute
import Formats
import Inspect
import TestSupport
import Testing

@testable import Merge

/// What holds of the merge of every kind of adapter, whatever its numbers.
@Suite struct MergePropertyTests {
  struct Kind: CustomTestStringConvertible, Sendable {
    let name: String
    var fields = #""peft_type": "LORA", "r": 3, "lora_alpha": 5"#
    /// The keys behind `base_model.model.`, or whole ones.
    let tensors: [(String, [Int])]
    /// Whether it only adds.
    var isSum = true
    var testDescription: String { name }
  }

  /// No two sizes alike: of a square nothing tells which way round it is.
  static let base: [(String, [Int])] = [
    ("q.weight", [36, 20]), ("q.bias", [36]), ("c_attn.weight", [20, 33]),
    ("conv.weight", [12, 5, 3, 2]), ("model.embed_tokens.weight", [41, 20]),
    ("mlp.experts.gate_up_proj", [4, 19, 22]),
  ]

  private static let linear = [("q.lora_A.weight", [3, 20]), ("q.lora_B.weight", [36, 3])]
  private static let conv1D = [
    ("c_attn.lora_A.weight", [3, 20]), ("c_attn.lora_B.weight", [33, 3]),
  ]
  private static let convolution = [
    ("conv.lora_A.weight", [3, 5, 3, 2]), ("conv.lora_B.weight", [12, 3, 1, 1]),
  ]
  private static let embedding = [
    ("model.embed_tokens.lora_embedding_A", [3, 41]),
    ("model.embed_tokens.lora_embedding_B", [20, 3]),
  ]
  private static let dora = #""peft_type": "LORA", "r": 3, "lora_alpha": 5, "use_dora": true"#

  static let kinds = [
    Kind(name: "Linear", tensors: linear),
    Kind(
      name: "lora_bias",
      fields: #""peft_type": "LORA", "r": 3, "lora_alpha": 5, "lora_bias": true"#,
      tensors: linear + [("q.lora_B.bias", [36])]),
    Kind(name: "Conv1D of GPT-2", tensors: conv1D),
    Kind(name: "convolution", tensors: convolution),
    Kind(name: "embedding", tensors: embedding),
    Kind(
      name: "experts",
      fields: #""peft_type": "LORA", "r": 3, "lora_alpha": 5, "#
        + #""target_parameters": ["mlp.experts.gate_up_proj"]"#,
      tensors: [("mlp.experts.lora_A.weight", [12, 22]), ("mlp.experts.lora_B.weight", [19, 12])]),
    Kind(
      name: "LoHa", fields: #""peft_type": "LOHA", "r": 3, "alpha": 5"#,
      tensors: [
        ("q.hada_w1_a", [36, 3]), ("q.hada_w1_b", [3, 20]), ("q.hada_w2_a", [36, 3]),
        ("q.hada_w2_b", [3, 20]),
      ]),
    Kind(
      name: "LoKr", fields: #""peft_type": "LOKR", "r": 3, "alpha": 5"#,
      tensors: [("q.lokr_w1", [4, 4]), ("q.lokr_w2_a", [9, 3]), ("q.lokr_w2_b", [3, 5])]),
    Kind(
      name: "AdaLoRA", fields: #""peft_type": "ADALORA", "init_r": 3, "lora_alpha": 5"#,
      tensors: [("q.lora_A", [3, 20]), ("q.lora_B", [36, 3]), ("q.lora_E", [3, 1])]),
    Kind(
      name: "VeRA", fields: #""peft_type": "VERA", "r": 3"#,
      tensors: [
        ("base_model.vera_A", [3, 24]), ("base_model.vera_B", [40, 3]),
        ("q.vera_lambda_b", [36]), ("q.vera_lambda_d", [3]),
      ]),
    Kind(
      name: "DoRA Linear", fields: dora, tensors: linear + [("q.lora_magnitude_vector", [36])],
      isSum: false),
    Kind(
      name: "DoRA Conv1D of GPT-2", fields: dora,
      tensors: conv1D + [("c_attn.lora_magnitude_vector", [33])], isSum: false),
    Kind(
      name: "DoRA convolution", fields: dora,
      tensors: convolution + [("conv.lora_magnitude_vector", [1, 12, 1, 1])], isSum: false),
    Kind(
      name: "DoRA embedding", fields: dora,
      tensors: embedding + [("model.embed_tokens.lora_magnitude_vector", [20])], isSum: false),
    Kind(
      name: "(IA)³ of outputs", fields: #""peft_type": "IA3", "feedforward_modules": []"#,
      tensors: [("q.ia3_l", [36, 1])], isSum: false),
    Kind(
      name: "(IA)³ of inputs", fields: #""peft_type": "IA3", "feedforward_modules": ["q"]"#,
      tensors: [("q.ia3_l", [1, 20])], isSum: false),
    Kind(
      name: "OFT", fields: #""peft_type": "OFT", "oft_block_size": 5, "r": 0"#,
      tensors: [("q.oft_R.weight", [4, 10])], isSum: false),
    Kind(
      name: "BOFT", fields: #""peft_type": "BOFT""#,
      tensors: [("conv.boft_R", [1, 5, 6, 6]), ("conv.boft_s", [12, 1])], isSum: false),
    Kind(
      name: "rows of tokens",
      fields: #""peft_type": "LORA", "r": 3, "lora_alpha": 5, "#
        + #""trainable_token_indices": [40, 3, 17]"#,
      tensors: [("model.embed_tokens.token_adapter.trainable_tokens_delta", [3, 20])],
      isSum: false),
    Kind(
      name: "a saved module",
      fields: #""peft_type": "LORA", "r": 3, "lora_alpha": 5, "modules_to_save": ["q"]"#,
      tensors: [("q.weight", [36, 20]), ("q.bias", [36])], isSum: false),
  ]

  /// A directory with a base and adapters of drawn numbers.
  private struct Models {
    let directory: TemporaryDirectory
    let base: Checkpoint
    let adapters: [Adapter]

    init(_ kinds: [Kind], as type: ElementType, seed: UInt64) throws {
      var generator = SeededGenerator(seed: seed)
      directory = TemporaryDirectory()
      try directory.write(
        MergePropertyTests.base.map { ($0, TestTensor($1, using: &generator)) }, as: type,
        to: "base/model.safetensors")
      base = try Checkpoint.open(directory.path("base"))
      var adapters: [Adapter] = []
      for (number, kind) in kinds.enumerated() {
        let name = "adapter-\(number)"
        let tensors = kind.tensors.map { key, shape in
          (
            key.hasPrefix("base_model.") ? key : "base_model.model.\(key)",
            TestTensor(shape, using: &generator)
          )
        }
        try directory.write(tensors, to: "\(name)/adapter_model.safetensors")
        try directory.write("{\(kind.fields)}", to: "\(name)/adapter_config.json")
        adapters.append(try Adapter(Checkpoint.open(directory.path(name))))
      }
      self.adapters = adapters
    }

    func plan(
      _ adapters: [WeightedAdapter], onto base: Checkpoint? = nil, numerics: Numerics = .exact
    ) throws -> MergePlan {
      try AdapterMerge(
        base: base ?? self.base, adapters: adapters,
        options: OutputOptions(numerics: numerics, isSingleFile: true)
      ).plan
    }
  }

  /// The bytes of every tensor.
  private func bytes(_ checkpoint: Checkpoint) throws -> [String: [UInt8]] {
    var bytes: [String: [UInt8]] = [:]
    for record in checkpoint.records { bytes[record.name] = try TensorData.bytes(of: record) }
    return bytes
  }

  static let types: [ElementType] = [.f32, .bf16]

  @Test(arguments: kinds, types)
  func `the size of blocks and the number of threads change no byte`(
    kind: Kind, type: ElementType
  ) throws {
    let seed = UInt64.random(in: 0 ..< .max)
    let models = try Models([kind], as: type, seed: seed)
    for numerics in Numerics.allCases {
      let plan = try models.plan([WeightedAdapter(models.adapters[0])], numerics: numerics)
      let expected = try bytes(run(plan).output)
      #expect(expected != (try bytes(models.base)), "the merge changed something, seed \(seed)")
      // One row, and several products of some rows that divide none of the tensors.
      for (byteCount, products, threads) in [(1, 1, 3), (1000, 3, 2)] {
        var cut = plan
        cut.blocks = BlockSize(
          productByteCount: byteCount, productsPerBlock: products, copyByteCount: byteCount + 15)
        cut.scratch = WorkerScratch.Sizes()
        for tensor in cut.tensors { cut.scratch.include(tensor, blocks: cut.blocks) }
        let found = try bytes(run(cut, threads: threads).output)
        #expect(
          found == expected,
          "\(numerics), blocks of \(byteCount) bytes, \(threads) threads, seed \(seed)")
      }
    }
  }

  @Test(arguments: kinds.filter(\.isSum), types)
  func `the weights 1 and -1 give the base again, but for their two roundings`(
    kind: Kind, type: ElementType
  ) throws {
    let seed = UInt64.random(in: 0 ..< .max)
    let models = try Models([kind], as: type, seed: seed)
    let adapter = models.adapters[0]
    let there = try run(try models.plan([WeightedAdapter(adapter)]))
    let back = try run(try models.plan([WeightedAdapter(adapter, weight: -1)], onto: there.output))
    // Half a unit in the last place of each result.
    let unit: Float = type == .f32 ? 0x1p-23 : 0x1p-7
    var changed = 0
    for name in Self.base.map(\.0) {
      let start = try values(name, of: models.base)
      let middle = try values(name, of: there.output)
      let end = try values(name, of: back.output)
      for index in start.indices {
        let allowed = unit * max(abs(start[index]), abs(middle[index]))
        #expect(
          abs(end[index] - start[index]) <= allowed,
          "\(name) \(index): \(start[index]), \(middle[index]), \(end[index]), seed \(seed)")
        if start[index] != middle[index] { changed += 1 }
      }
    }
    #expect(changed > 20, "the merge changed something, seed \(seed)")
  }

  @Test(arguments: types)
  func `the order of adapters of all kinds changes no byte`(type: ElementType) throws {
    let seed = UInt64.random(in: 0 ..< .max)
    var generator = SeededGenerator(seed: seed)
    let models = try Models(Self.kinds.filter(\.isSum), as: type, seed: seed)
    let adapters = models.adapters.map {
      WeightedAdapter($0, weight: .random(in: -2...2, using: &generator))
    }
    let expected = try bytes(run(try models.plan(adapters)).output)
    #expect(expected != (try bytes(models.base)))
    for _ in 0..<5 {
      let order = adapters.shuffled(using: &generator)
      #expect(try bytes(run(try models.plan(order)).output) == expected, "seed \(seed)")
    }
  }

  /// The values of a tensor of F32 or BF16.
  private func values(_ name: String, of checkpoint: Checkpoint) throws -> [Float] {
    let record = try #require(checkpoint.records.first { $0.name == name })
    let bytes = try TensorData.bytes(of: record)
    let width = record.type.bitWidth / 8
    return stride(from: 0, to: bytes.count, by: width).map { start in
      let bits = bytes[start..<start + width].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
      return Float(bitPattern: bits << UInt32(32 - 8 * width))
    }
  }
}
