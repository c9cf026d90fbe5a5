import Compute
import Formats
import Inspect
import TestSupport
import Testing

@testable import Merge

/// Whole merges of small files: what is written beside the sums, and what is refused.
@Suite struct AdapterMergeTests {
  func zeros(_ shape: [Int]) -> TestTensor {
    TestTensor(shape, [Float](repeating: 0, count: shape.reduce(1, *)))
  }

  func ones(_ shape: [Int]) -> TestTensor {
    TestTensor(shape, [Float](repeating: 1, count: shape.reduce(1, *)))
  }

  /// A base with an embedding of 5 tokens and a square weight.
  func base(
    in directory: TemporaryDirectory, _ configuration: String,
    _ tensors: KeyValuePairs<String, TestTensor>? = nil
  ) throws -> Checkpoint {
    let plain: KeyValuePairs = [
      "model.embed_tokens.weight": ones([5, 4]), "model.q_proj.weight": ones([4, 4]),
    ]
    try directory.write(tensors ?? plain, to: "base/model.safetensors")
    try directory.write(configuration, to: "base/config.json")
    return try Checkpoint.open(directory.path("base"))
  }

  func adapter(
    _ name: String = "adapter", in directory: TemporaryDirectory, fields: String = "",
    _ tensors: KeyValuePairs<String, TestTensor>
  ) throws -> Adapter {
    try adapter(name, in: directory, fields: fields, tensors.map { ($0, $1) })
  }

  func adapter(
    _ name: String = "adapter", in directory: TemporaryDirectory, fields: String = "",
    _ tensors: [(String, TestTensor)]
  ) throws -> Adapter {
    try directory.write(tensors, to: "\(name)/adapter_model.safetensors")
    try directory.write(
      #"{"peft_type": "LORA", "r": 2, "lora_alpha": 2\#(fields)}"#,
      to: "\(name)/adapter_config.json")
    return try Adapter(Checkpoint.open(directory.path(name)))
  }

  func pair(_ module: String, _ output: Int, _ input: Int) -> KeyValuePairs<
    String, TestTensor
  > {
    [
      "base_model.model.\(module).lora_A.weight": ones([2, input]),
      "base_model.model.\(module).lora_B.weight": ones([output, 2]),
    ]
  }

  func plan(
    _ base: Checkpoint, _ adapters: [WeightedAdapter], keepsTied: Bool = false
  ) throws -> MergePlan {
    var options = OutputOptions()
    options.keepsTied = keepsTied
    return try AdapterMerge(base: base, adapters: adapters, options: options).plan
  }

  /// The text of the configuration that a plan writes; nil where it stays.
  func configuration(_ plan: MergePlan) -> String? {
    plan.documents.first { $0.name == "config.json" }.map {
      String(decoding: $0.bytes, as: UTF8.self)
    }
  }

  // Tied weights

  struct TiedCase: CustomTestStringConvertible, Sendable {
    let name: String
    /// The configuration's fields beside `tie_word_embeddings`.
    let fields: String
    let keepsTied: Bool
    let names: [String]
    let isUntied: Bool
    var testDescription: String { name }
  }

  static let tied = [
    TiedCase(
      name: "both are written", fields: "", keepsTied: false,
      names: ["lm_head.weight", "model.embed_tokens.weight", "model.q_proj.weight"],
      isUntied: true),
    TiedCase(
      name: "--keep-tied", fields: "", keepsTied: true,
      names: ["model.embed_tokens.weight", "model.q_proj.weight"], isUntied: false),
    TiedCase(
      name: "a model without an output", fields: #", "architectures": ["LlamaModel"]"#,
      keepsTied: false, names: ["model.embed_tokens.weight", "model.q_proj.weight"],
      isUntied: false),
    TiedCase(
      name: "a classifier", fields: #", "architectures": ["LlamaForSequenceClassification"]"#,
      keepsTied: false, names: ["model.embed_tokens.weight", "model.q_proj.weight"],
      isUntied: false),
  ]

  @Test(arguments: tied)
  func `an adapter on one of two tied tensors parts them`(row: TiedCase) throws {
    let directory = TemporaryDirectory()
    let base = try base(in: directory, #"{"tie_word_embeddings": true\#(row.fields)}"#)
    let adapter = try adapter(
      in: directory,
      [
        "base_model.model.model.embed_tokens.lora_embedding_A": ones([2, 5]),
        "base_model.model.model.embed_tokens.lora_embedding_B": ones([4, 2]),
      ])
    let plan = try plan(base, [WeightedAdapter(adapter)], keepsTied: row.keepsTied)
    #expect(plan.tensors.map(\.name).sorted() == row.names)
    #expect(
      configuration(plan)?.contains(#""tie_word_embeddings": false"#) ?? false == row.isUntied)
    let updated = plan.tensors.filter { if case .update = $0.operation { true } else { false } }
    #expect(updated.map(\.name) == ["model.embed_tokens.weight"])
  }

  private let embeddingFactors: KeyValuePairs<String, TestTensor> = [
    "base_model.model.model.embed_tokens.lora_embedding_A": TestTensor(
      [2, 5], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
    "base_model.model.model.embed_tokens.lora_embedding_B": TestTensor(
      [4, 2], [1, 1, 1, 1, 2, 2, 2, 2]),
    "base_model.model.lm_head.lora_A.weight": TestTensor([2, 4], [1, 1, 1, 1, 2, 2, 2, 2]),
    "base_model.model.lm_head.lora_B.weight": TestTensor(
      [5, 2], [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]),
  ]

  @Test(arguments: ["", #", "ensure_weight_tying": true"#])
  func `changes of both tied tensors are parted, or meet in one with a rounding between them`(
    fields: String
  ) throws {
    let directory = TemporaryDirectory()
    let base = try base(in: directory, #"{"tie_word_embeddings": true}"#)
    let adapter = try adapter(in: directory, fields: fields, embeddingFactors)
    let apart = try plan(base, [WeightedAdapter(adapter)])
    #expect(configuration(apart)?.contains(#""tie_word_embeddings": false"#) == true)
    #expect(
      apart.findings.map(\.message) == [
        "lm_head.weight was tied to model.embed_tokens.weight, and \(adapter.path) changes each by "
          + "itself: both are written, and config.json says tie_word_embeddings false"
      ])
    let (kept, changes) = try steps(of: adapter, onto: base)
    #expect(configuration(kept) == nil)
    #expect(
      kept.findings.map(\.message) == [
        "lm_head.weight is tied to model.embed_tokens.weight, and \(adapter.path) changes each by "
          + "itself: with --keep-tied the one tensor gets both changes, as with PEFT"
      ])
    #expect(changes == ["add", "round", "add"])
  }

  /// The plan with `--keep-tied` and PEFT's numerics, and what it does to the embedding.
  private func steps(of adapter: Adapter, onto base: Checkpoint) throws -> (MergePlan, [String]) {
    var options = OutputOptions()
    options.keepsTied = true
    options.numerics = .peft
    let plan = try AdapterMerge(base: base, adapters: [WeightedAdapter(adapter)], options: options)
      .plan
    let steps = plan.tensors.flatMap { tensor -> [UpdateStep] in
      guard tensor.name == "model.embed_tokens.weight",
        case .update(let update) = tensor.operation
      else { return [] }
      #expect(update.steps.allSatisfy { $0.adapter == adapter.path })
      return update.steps
    }
    return (plan, steps.map { $0.isSum ? "add" : $0.isRounding ? "round" : "other" })
  }

  @Test func `a type of scales is none for a merged model`() throws {
    let directory = TemporaryDirectory()
    let base = try base(in: directory, "{}")
    let adapter = try adapter(in: directory, pair("model.q_proj", 4, 4))
    var options = OutputOptions()
    options.type = .f8e8m0
    let error = #expect(throws: CheckpointError.self) {
      try AdapterMerge(base: base, adapters: [WeightedAdapter(adapter)], options: options)
    }
    #expect(
      error?.message
        == "F8_E8M0 holds positive powers of two alone, which are scales and no weights; expected "
        + "another --dtype for a merge")
    #expect(error?.fix == "leave out --dtype")
  }

  @Test func `replaced base layers of tied tensors change nothing about the roundings`() throws {
    let directory = TemporaryDirectory()
    let base = try base(in: directory, #"{"tie_word_embeddings": true}"#)
    let adapter = try adapter(
      in: directory,
      embeddingFactors.map { ($0, $1) } + [
        ("base_model.model.model.embed_tokens.base_layer.weight", ones([5, 4])),
        ("base_model.model.lm_head.base_layer.weight", ones([5, 4])),
      ])
    #expect(try steps(of: adapter, onto: base).1 == ["add", "round", "add"])
  }

  @Test(arguments: [true, false])
  func `ensure_weight_tying keeps copies of both one tensor while they are the same`(
    areSame: Bool
  ) throws {
    let directory = TemporaryDirectory()
    let base = try base(in: directory, #"{"tie_word_embeddings": true}"#)
    let copy = ones([5, 4])
    let adapter = try adapter(
      in: directory,
      fields: #", "ensure_weight_tying": true, "modules_to_save": ["model.embed_tokens"]"#,
      [
        "base_model.model.model.embed_tokens.weight": copy,
        "base_model.model.lm_head.weight": areSame ? copy : zeros([5, 4]),
      ])
    let plan = try plan(base, [WeightedAdapter(adapter)])
    let embeddings = plan.tensors.map(\.name).filter { $0 != "model.q_proj.weight" }.sorted()
    #expect(
      embeddings == (areSame ? [] : ["lm_head.weight"]) + ["model.embed_tokens.weight"])
    #expect((configuration(plan) == nil) == areSame)
    #expect(plan.tensors.allSatisfy { $0.isReplacement == ($0.name != "model.q_proj.weight") })
  }

  @Test func `an output under the name of another layout is the tied one`() throws {
    let directory = TemporaryDirectory()
    let base = try base(
      in: directory, #"{"tie_word_embeddings": true}"#,
      [
        "language_model.model.embed_tokens.weight": ones([5, 4]),
        "language_model.model.layers.0.q_proj.weight": ones([4, 4]),
        "vision_tower.layers.0.q_proj.weight": ones([4, 4]),
      ])
    let adapter = try adapter(in: directory, pair("lm_head", 5, 4))
    let plan = try plan(base, [WeightedAdapter(adapter)])
    #expect(plan.tensors.map(\.name).contains("language_model.lm_head.weight"))
    #expect(!plan.tensors.map(\.name).contains("lm_head.weight"))
    #expect(configuration(plan)?.contains(#""tie_word_embeddings": false"#) == true)
  }

  @Test func `the tied output of BERT is parted under its own name, with its bias`() throws {
    let directory = TemporaryDirectory()
    let base = try base(
      in: directory, #"{"tie_word_embeddings": true, "architectures": ["BertForMaskedLM"]}"#,
      [
        "bert.embeddings.word_embeddings.weight": ones([5, 4]),
        "cls.predictions.bias": ones([5]),
        "cls.predictions.transform.dense.weight": ones([4, 4]),
      ])
    let adapter = try adapter(in: directory, pair("cls.predictions.decoder", 5, 4))
    let plan = try plan(base, [WeightedAdapter(adapter)])
    #expect(
      plan.tensors.map(\.name).sorted() == [
        "bert.embeddings.word_embeddings.weight", "cls.predictions.bias",
        "cls.predictions.decoder.bias", "cls.predictions.decoder.weight",
        "cls.predictions.transform.dense.weight",
      ])
  }

  // Vocabulary

  @Test func `an embedding of more tokens changes vocab_size`() throws {
    let directory = TemporaryDirectory()
    let base = try base(
      in: directory, #"{"tie_word_embeddings": true, "vocab_size": 5, "other": 5}"#)
    let adapter = try adapter(
      in: directory, ["base_model.model.model.embed_tokens.weight": ones([7, 4])])
    let plan = try plan(base, [WeightedAdapter(adapter)])
    let shapes = plan.tensors.first { $0.name == "model.embed_tokens.weight" }?.shape
    #expect(shapes == [7, 4])
    let text = try #require(configuration(plan))
    #expect(text.contains(#""vocab_size": 7"#) && text.contains(#""other": 5"#), "\(text)")
    #expect(plan.findings.map(\.code).contains(.vocabularyMismatch))
  }

  @Test func `an output that stays smaller than the embedding is refused`() throws {
    let directory = TemporaryDirectory()
    let base = try base(
      in: directory, #"{"tie_word_embeddings": false, "vocab_size": 5}"#,
      ["model.embed_tokens.weight": ones([5, 4]), "lm_head.weight": ones([5, 4])])
    let adapter = try adapter(
      in: directory, ["base_model.model.model.embed_tokens.weight": ones([7, 4])])
    let error = #expect(throws: CheckpointError.self) {
      try plan(base, [WeightedAdapter(adapter)])
    }
    #expect(
      error?.message
        == "has 5 rows, but the adapter's model.embed_tokens.weight has 7, and the adapter "
        + "brings no output of that size")
    #expect(error?.tensor == "lm_head.weight")
    #expect(error?.fix == "save the adapter with save_embedding_layers=True")
  }

  // Refusals

  @Test(
    arguments: zip(
      [0.5, 2, -1],
      [
        "so that no part of it can be added; expected --weight 1",
        "so that no part of it can be added; expected --weight 1", nil,
      ]))
  func `no part of what multiplies can be added`(weight: Double, refusal: String?) throws {
    let directory = TemporaryDirectory()
    let base = try base(in: directory, "{}")
    let adapter = try adapter(
      in: directory, fields: #", "use_dora": true"#,
      [
        "base_model.model.model.q_proj.lora_A.weight": ones([2, 4]),
        "base_model.model.model.q_proj.lora_B.weight": ones([4, 2]),
        "base_model.model.model.q_proj.lora_magnitude_vector": ones([4]),
      ])
    let error = #expect(throws: CheckpointError.self) {
      try plan(base, [WeightedAdapter(adapter, weight: weight)])
    }
    #expect(
      error?.message
        == #"module "model.q_proj": multiplies the weight (dora)"#
        + (refusal.map { ", \($0)" } ?? " instead of adding to it, so that it cannot be subtracted")
    )
    #expect(
      error?.fix == (refusal == nil ? "keep the base: such a merge cannot be taken back" : nil))
  }

  @Test(
    arguments: zip(
      ["", #"{"peft_type": "OFT", "num_cayley_neumann_terms": 0}"#],
      [
        "no adapter_config.json says how its rotations are made",
        "num_cayley_neumann_terms is 0; expected 1 to 100",
      ]))
  func `how a rotation is made is never guessed`(configuration: String, refusal: String) throws {
    let directory = TemporaryDirectory()
    let base = try base(in: directory, "{}")
    try directory.write(
      [("base_model.model.model.q_proj.oft_R.weight", ones([2, 1]))],
      to: "adapter/adapter_model.safetensors")
    if !configuration.isEmpty {
      try directory.write(configuration, to: "adapter/adapter_config.json")
    }
    let adapter = try Adapter(Checkpoint.open(directory.path("adapter")))
    let error = #expect(throws: CheckpointError.self) {
      try plan(base, [WeightedAdapter(adapter)])
    }
    #expect(error?.message == #"module "model.q_proj": \#(refusal)"#)
  }

  @Test func `no part of a replacement can be added`() throws {
    let directory = TemporaryDirectory()
    let base = try base(in: directory, "{}")
    let adapter = try adapter(
      in: directory, fields: #", "modules_to_save": ["q_proj"]"#,
      ["base_model.model.model.q_proj.weight": ones([4, 4])])
    _ = try plan(base, [WeightedAdapter(adapter)])
    let refusals = [
      0.5: "no part of it can be added; expected --weight 1",
      -1: "a merge with it cannot be taken back: only the base holds what was there",
    ]
    for (weight, refusal) in refusals {
      let error = #expect(throws: CheckpointError.self) {
        try plan(base, [WeightedAdapter(adapter, weight: weight)])
      }
      #expect(
        error?.message
          == #"takes the place of "model.q_proj.weight" as a whole, so that \#(refusal)"#)
      #expect(error?.fix == "choose other modules with --include")
    }
  }

  @Test func `two replacements of one tensor are refused unless they are the same`() throws {
    let directory = TemporaryDirectory()
    let base = try base(in: directory, "{}")
    let adapters = try [("one", ones([4, 4])), ("two", zeros([4, 4]))].map { name, copy in
      WeightedAdapter(
        try adapter(
          name, in: directory, fields: #", "modules_to_save": ["q_proj"]"#,
          ["base_model.model.model.q_proj.weight": copy]))
    }
    let error = #expect(throws: CheckpointError.self) { try plan(base, adapters) }
    #expect(
      error?.message
        == #"takes the place of "model.q_proj.weight", and so does another tensor of "#
        + "\(directory.path("one")), so that their order counts; expected one of them at most")
    #expect(error?.path == directory.path("two"))
    #expect(error?.fix == MergeDraft.orderFix)
    let same = try ["one", "three"].map { name in
      WeightedAdapter(
        try adapter(
          name, in: directory, fields: #", "modules_to_save": ["q_proj"]"#,
          ["base_model.model.model.q_proj.weight": ones([4, 4])]))
    }
    #expect(try plan(base, same).tensors.filter(\.isReplacement).count == 1)
  }

  @Test func `two adapters for one tensor are refused where one of them multiplies it`() throws {
    let directory = TemporaryDirectory()
    let base = try base(in: directory, "{}")
    let plain = try adapter("plain", in: directory, pair("model.q_proj", 4, 4))
    try directory.write(
      ["base_model.model.model.q_proj.ia3_l": ones([4, 1])], to: "vector/adapter_model.safetensors")
    try directory.write(
      #"{"peft_type": "IA3", "feedforward_modules": []}"#, to: "vector/adapter_config.json")
    let vector = try Adapter(Checkpoint.open(directory.path("vector")))
    let error = #expect(throws: CheckpointError.self) {
      try plan(base, [WeightedAdapter(plain), WeightedAdapter(vector)])
    }
    #expect(
      error?.message
        == "is changed by another adapter too, and one of them multiplies it, so that their order "
        + "would count")
    #expect(error?.fix == MergeDraft.orderFix)
  }

  @Test func `the order of adapters does not matter`() throws {
    let directory = TemporaryDirectory()
    let base = try base(in: directory, "{}")
    let one = try adapter("one", in: directory, pair("model.q_proj", 4, 4))
    let two = try adapter("two", in: directory, pair("model.q_proj", 4, 4))
    let weighted = [WeightedAdapter(two, weight: 3), WeightedAdapter(one, weight: -2)]
    let orders = try [weighted, weighted.reversed()].map { adapters in
      try plan(base, adapters).tensors.flatMap { tensor -> [String] in
        guard case .update(let update) = tensor.operation else { return [] }
        return (update.onlySums ?? []).map { "\($0.scale)" }
      }
    }
    #expect(orders == [["-2.0", "3.0"], ["-2.0", "3.0"]])
  }
}
