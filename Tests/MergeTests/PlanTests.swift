import Compute
import Formats
import Inspect
import TestSupport
import Testing

@testable import Merge

@Suite struct PlanTests {
  private func plan(
    _ base: String, _ adapter: String, _ options: OutputOptions = OutputOptions()
  ) throws -> MergePlan {
    try AdapterMerge(
      base: Fixtures.checkpoint(base), adapter: Fixtures.adapter(adapter), options: options
    ).plan
  }

  private func operations(_ plan: MergePlan) -> [String: String] {
    Dictionary(
      uniqueKeysWithValues: plan.tensors.map { tensor in
        switch tensor.operation {
        case .copy: (tensor.name, "copy")
        case .cast(let record): (tensor.name, "\(record.type.name) to \(tensor.type.name)")
        case .update(let update): (tensor.name, "\(update.steps.count) deltas")
        }
      })
  }

  @Test func `adapted weights are updated and everything else is copied`() throws {
    let plan = try plan("peft/llama-bf16/base", "peft/llama-bf16/adapter-rslora")
    let operations = operations(plan)
    #expect(operations.count == 21)
    for (name, operation) in operations {
      let isAdapted = name.contains("q_proj") || name.contains("v_proj")
      #expect(operation == (isAdapted ? "1 deltas" : "copy"), "\(name)")
    }
    #expect(plan.files.map(\.name) == ["model.safetensors"])
    #expect(plan.documents.isEmpty)
    #expect(
      plan.sideFiles.map(\.name) == [
        "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json",
      ])
  }

  @Test func `a delta knows its factors, its scale and its orientation`() throws {
    let straight = try plan("peft/llama-bf16/base", "peft/llama-bf16/adapter-patterns")
    let scales = straight.tensors.compactMap { tensor -> String? in
      guard case .update(let update) = tensor.operation, let deltas = update.onlySums else {
        return nil
      }
      return deltas.map { "\(tensor.name) \($0.rank ?? 0) \($0.scale) \($0.isTransposed)" }.joined()
    }
    #expect(
      scales.sorted() == [
        "model.layers.0.self_attn.q_proj.weight 4 1.25 false",
        "model.layers.0.self_attn.v_proj.weight 3 2.3333333333333335 false",
        "model.layers.1.self_attn.q_proj.weight 2 4.0 false",
        "model.layers.1.self_attn.v_proj.weight 3 2.3333333333333335 false",
      ])
    let transposed = try plan("peft/gpt2-f32/base", "peft/gpt2-f32/adapter-fan-in-fan-out")
    for tensor in transposed.tensors {
      guard case .update(let update) = tensor.operation else { continue }
      let deltas = try #require(update.onlySums)
      #expect(deltas.map(\.isTransposed) == [true], "\(tensor.name)")
    }
  }

  @Test func `the output is cut as the input is, or as asked`() throws {
    let base = "peft/llama-bf16/base-sharded"
    let adapter = "peft/llama-bf16/adapter-rslora"
    let asInput = try plan(base, adapter)
    #expect(asInput.files.count == 3)
    #expect(asInput.documents.map(\.name) == ["model.safetensors.index.json"])
    let single = try plan(base, adapter, OutputOptions(isSingleFile: true))
    #expect(single.files.count == 1)
    #expect(single.documents.isEmpty && single.sideFiles.isEmpty)
    let sized = try plan(base, adapter, OutputOptions(maximumShardSize: 10_000))
    for file in sized.files {
      #expect(file.tensors.reduce(0) { $0 + $1.byteCount } <= 10_000, "\(file.name)")
    }
    #expect(sized.tensors.count == asInput.tensors.count)
    for plan in [asInput, single, sized] {
      let files = plan.files.reduce(0) { $0 + $1.layout.byteCount }
      #expect(plan.byteCount == files + plan.documents.reduce(0) { $0 + $1.bytes.count })
    }
  }

  /// What becomes of a tensor of each type when the output is to be F32.
  static let casts: [(type: ElementType, operation: String)] = [
    (.bf16, "BF16 to F32"), (.f16, "F16 to F32"), (.f32, "copy"), (.f64, "F64 to F32"),
    (.f8e4m3, "F8_E4M3 to F32"), (.f8e5m2, "F8_E5M2 to F32"), (.i64, "copy"), (.u8, "copy"),
    (.bool, "copy"), (.c64, "copy"),
  ]

  @Test(arguments: casts)
  func `--dtype concerns float tensors only`(type: ElementType, operation: String) throws {
    let file = "safetensors/good/type-\(type.name.lowercased()).safetensors"
    let builder = PlanBuilder(
      base: try Fixtures.checkpoint(file), options: OutputOptions(type: .f32))
    let plan = try builder.plan(updates: [:], findings: [])
    #expect(Set(operations(plan).values) == [operation])
  }

  @Test func `a type that is not converted is refused by name`() throws {
    let path = "safetensors/good/type-f4.safetensors"
    let builder = PlanBuilder(
      base: try Fixtures.checkpoint(path), options: OutputOptions(type: .f32))
    let error = #expect(throws: CheckpointError.self) {
      try builder.plan(updates: [:], findings: [])
    }
    #expect(error?.message == "F4 cannot be converted to F32")
    #expect(error?.path == Fixtures.path(path))
    #expect(error?.fix == "leave out --dtype")
  }

  /// The plan for one update of 4096 × 4096 BF16 by rank 16; nothing is read.
  private func largePlan(_ options: OutputOptions) throws -> MergePlan {
    let file = try InputFile(path: Fixtures.path("README.md"))
    let bytes = TensorBytes(extents: [Extent(file: file, offset: 0, count: 0)])
    let weight = TensorRecord(
      name: "w", type: .element(.bf16), shape: [4096, 4096], bytes: bytes)
    let delta = Delta(
      .lowRank(
        b: Factor(tensor("b", .f32, [4096, 16])), a: Factor(tensor("a", .f32, [16, 4096]))),
      rank: 16, scale: 1)
    let base = Checkpoint(path: "base", format: .safetensors, records: [weight])
    return try PlanBuilder(base: base, options: options)
      .plan(
        updates: [
          ExactName("w"): TensorUpdate(weight, steps: [UpdateStep(.add(delta), adapter: "mine")])
        ], findings: [])
  }

  @Test func `less memory makes smaller blocks`() throws {
    var sizes: [Int] = []
    var memory = OutputOptions.defaultMaximumMemory
    while let plan = try? largePlan(OutputOptions(maximumMemory: memory, threads: 4)) {
      let needed = plan.memory.total(workers: 4)
      #expect(needed == plan.memory.shared + 4 * plan.memory.perWorker)
      #expect(needed <= memory)
      sizes.append(plan.blocks.productByteCount)
      memory = needed - 1
    }
    #expect(sizes == [256, 256, 128, 64, 32, 16].map { $0 << 10 })
  }

  @Test func `too little memory is refused with the need`() throws {
    let error = #expect(throws: CheckpointError.self) {
      try largePlan(OutputOptions(maximumMemory: 1000, threads: 4))
    }
    // Twice three times A for the factors, one row for each worker, 16 MiB for the rest.
    let needed = 2 * 3 * (16 * 4096 * 4) + 4 * (4096 * (2 + 2 + 4) + 16 * 12) + (16 << 20)
    #expect(
      error?.message
        == "needs \(needed) bytes of memory with 4 threads; --max-memory allows 1000")
    #expect(error?.path == "base")
    #expect(error?.fix == "raise --max-memory to \(needed)")
  }
}
