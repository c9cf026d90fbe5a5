import Compute
import Formats
import Foundation
import Inspect
import TestSupport
import Testing

@testable import Merge

@Suite struct MergeVerificationTests {
  static let group = "peft/llama-bf16"
  static let module = "model.layers.0.self_attn.q_proj"

  /// A merge of the fixture, written as a file.
  private func merged(
    _ options: OutputOptions = OutputOptions(isSingleFile: true), adapter: String = "adapter-plain"
  ) throws -> (path: String, directory: TemporaryDirectory) {
    let directory = TemporaryDirectory()
    let plan = try AdapterMerge(
      base: try Fixtures.checkpoint("\(Self.group)/base"),
      adapter: try Fixtures.adapter("\(Self.group)/\(adapter)"), options: options
    ).plan
    let suffix = options.format.fileSuffixes[0]
    let transaction = try OutputTransaction(
      path: directory.path("merged\(suffix)"), force: false, inputs: [])
    _ = try Execution(plan, threads: 2).run(transaction, progress: Progress(total: 0))
    return (transaction.path, directory)
  }

  private func verify(
    _ merged: Checkpoint, base: String = "base", adapter: String = "adapter-plain",
    group: String = group, _ change: (inout MergeVerification.Options) -> Void = { _ in }
  ) throws -> VerificationReport {
    let base = try Fixtures.checkpoint("\(group)/\(base)")
    let adapter = try Fixtures.adapter("\(group)/\(adapter)")
    var options = MergeVerification.Options()
    options.threads = 2
    change(&options)
    let verification = try MergeVerification(base: base, merged: merged, options: options) {
      (options) throws(CheckpointError) in
      try AdapterMerge(base: base, adapter: adapter, options: options).plan
    }
    let progress = Progress(total: verification.byteCount)
    let report = try verification.run(progress: progress)
    #expect(progress.done <= progress.total)
    return report
  }

  /// The merge after `change` of the bytes of one tensor.
  private func report(
    changing tensor: String, _ change: (inout Data, Int) -> Void
  ) throws -> VerificationReport {
    let (path, directory) = try merged()
    let record = try #require(
      Checkpoint.open(path).records.first { $0.name == tensor }, "\(directory.path)")
    var data = try Data(contentsOf: URL(filePath: path))
    change(&data, try #require(record.plainExtent).offset)
    try data.write(to: URL(filePath: path))
    return try verify(try Checkpoint.open(path))
  }

  @Test(arguments: [
    (group, "base", "adapter-plain", "merged-plain"),
    (group, "base-bin-sharded", "adapter-rslora", "merged-rslora"),
    (group, "base-sharded", "adapter-patterns", "merged-patterns"),
    ("peft/llama-f16", "base", "adapter-f16-stored", "merged-f16-stored"),
    ("peft/gptneox-f32", "base-sharded", "adapter-plain", "merged-plain"),
    ("peft/gpt2-f32", "base", "adapter-fan-in-fan-out", "merged-fan-in-fan-out"),
  ])
  func `a merge by PEFT is equal`(
    row: (group: String, base: String, adapter: String, merged: String)
  )
    throws
  {
    let report = try verify(
      try Fixtures.checkpoint("\(row.group)/\(row.merged)"), base: row.base, adapter: row.adapter,
      group: row.group)
    #expect(report.isEqual())
    #expect(report.conclusion() == .equal)
    #expect(report.numerics == .both)
    #expect(!report.targets.isEmpty && report.untouched > 0)
    for target in report.targets {
      #expect(target.verdict == .equal && target.differing == 0 && !target.isBase)
      #expect(target.numerics == .both)
    }
  }

  @Test func `one bit is seen`() throws {
    let report = try report(changing: "\(Self.module).weight") { data, offset in
      data[offset + 20] ^= 1
    }
    #expect(!report.isEqual())
    let wrong = report.targets.filter { $0.verdict != .equal }
    #expect(wrong.map(\.target) == [Self.module])
    #expect(wrong[0].differing == 1)
    #expect(wrong[0].distance.maximumUlp == 1)
    #expect(wrong[0].verdict == .rounding)
    #expect(report.conclusion() == .otherRounding)
    #expect(report.isEqual(tolerance: 1))
    #expect(report.conclusion(tolerance: 1) == .withinTolerance)
    #expect(report.numerics == nil)
  }

  @Test func `a bit of an exponent is no rounding`() throws {
    let report = try report(changing: "\(Self.module).weight") { data, offset in
      data[offset + 21] ^= 0x10
    }
    #expect(report.targets.filter { $0.verdict != .equal }.map(\.verdict) == [.other])
    #expect(report.conclusion() == .different)
    #expect(!report.isEqual(tolerance: 16))
  }

  @Test func `NaN in a target is seen`() throws {
    let report = try report(changing: "\(Self.module).weight") { data, offset in
      data[offset] = 0xC0
      data[offset + 1] = 0x7F
    }
    let wrong = report.targets.filter { $0.verdict != .equal }
    #expect(wrong.map(\.differing) == [1])
    #expect(wrong[0].verdict == .other)
    #expect(wrong[0].distance.hasNaN)
    #expect(report.targets.count { $0.distance.hasNaN } == 1)
  }

  @Test func `a change of another tensor is unexpected`() throws {
    let name = "model.layers.1.input_layernorm.weight"
    let report = try report(changing: name) { data, offset in
      for index in 0..<6 { data[offset + index] ^= 1 }
    }
    #expect(report.targets.allSatisfy { $0.verdict == .equal })
    #expect(report.changes.map(\.name) == [name])
    #expect(report.changes[0].reason == .values)
    #expect(report.changes[0].differing == 3)
    #expect(report.conclusion() == .otherTensors)
    #expect(!report.isEqual() && !report.isEqual(tolerance: 8))
  }

  @Test func `the base is no merge`() throws {
    let report = try verify(try Fixtures.checkpoint("\(Self.group)/base-bin"))
    #expect(report.targets.allSatisfy { $0.isBase && $0.verdict == .base })
    #expect(report.conclusion() == .nothingMerged)
    #expect(!report.isEqual(tolerance: 1000))
    #expect(report.changes.isEmpty)
  }

  @Test func `targets that were left out are the base's`() throws {
    let report = try report(changing: "\(Self.module).weight") { data, offset in
      guard let base = try? Fixtures.checkpoint("\(Self.group)/base"),
        let extent = base.records.first(where: { $0.name == "\(Self.module).weight" })?.plainExtent,
        let source = try? Data(contentsOf: URL(filePath: extent.file.path))
      else { return }
      let bytes = source[extent.offset..<extent.offset + extent.count]
      data.replaceSubrange(offset..<offset + extent.count, with: bytes)
    }
    #expect(report.targets.filter(\.isBase).map(\.target) == [Self.module])
    #expect(report.conclusion() == .partlyMerged)
  }

  @Test func `tensors that are missing, of another shape and more than there were are named`()
    throws
  {
    let (path, directory) = try merged()
    var checkpoint = try Checkpoint.open(path)
    #expect(!directory.path.isEmpty)
    let names = checkpoint.records.map(\.name)
    let (first, norm) = (
      try #require(names.firstIndex(of: "\(Self.module).weight")),
      try #require(names.firstIndex(of: "model.norm.weight"))
    )
    checkpoint.records[first].shape.reverse()
    checkpoint.records[first].shape.append(1)
    checkpoint.records[norm].name = "model.last_norm.weight"
    let report = try verify(checkpoint)
    #expect(
      report.changes.map { "\($0.name) \($0.reason)" }.sorted() == [
        "model.last_norm.weight extra", "\(Self.module).weight shape", "model.norm.weight missing",
      ])
    let wrong = report.targets.filter { $0.verdict != .equal }
    #expect(wrong.map(\.target) == [Self.module])
    #expect(wrong[0].differing == nil && wrong[0].verdict == .other)
    #expect(report.numerics == nil)
  }

  @Test(arguments: [
    (Numerics.exact, ElementType.f32, RecognisedNumerics.exact),
    (.peft, .f32, .peft), (.exact, .f16, .exact), (.exact, .bf16, .both),
    (.exact, .f8e5m2, .exact),
  ])
  func `the numerics and the type of a merge are recognised`(
    row: (numerics: Numerics, type: ElementType, recognised: RecognisedNumerics)
  ) throws {
    for format in OutputFormat.allCases {
      let (path, directory) = try merged(
        OutputOptions(
          type: row.type, format: format, numerics: row.numerics, isSingleFile: true))
      let report = try verify(try Checkpoint.open(path), base: "base-sharded")
      #expect(report.isEqual(), "\(directory.path)")
      #expect(report.numerics == row.recognised)
      #expect(report.converted == (row.type == .bf16 ? 0 : report.untouched))
    }
  }

  @Test func `of one numerics no other is accepted`() throws {
    let (path, directory) = try merged(
      OutputOptions(type: .f32, numerics: .peft, isSingleFile: true))
    let checkpoint = try Checkpoint.open(path)
    #expect(try verify(checkpoint) { $0.numerics = .peft }.isEqual(), "\(directory.path)")
    let report = try verify(checkpoint) { $0.numerics = .exact }
    #expect(!report.isEqual())
    #expect(report.numerics == nil)
    #expect(report.targets.allSatisfy { $0.verdict == .other || $0.verdict == .rounding })
  }

  @Test(
    arguments: [(3, .otherScale), (0.99, .otherScale), (1.001, .otherRounding)]
      as [(scale: Double, conclusion: VerificationConclusion)])
  func `another scale is told`(row: (scale: Double, conclusion: VerificationConclusion)) throws {
    let base = try Fixtures.checkpoint("\(Self.group)/base")
    let directory = TemporaryDirectory()
    var plan = try AdapterMerge(
      base: base, adapter: try Fixtures.adapter("\(Self.group)/adapter-plain"),
      options: OutputOptions(isSingleFile: true)
    ).plan
    for index in plan.files[0].tensors.indices {
      guard case .update(var update) = plan.files[0].tensors[index].operation,
        case .add(var delta) = update.steps[0].action
      else { continue }
      delta.scale *= row.scale
      update.steps[0].action = .add(delta)
      plan.files[0].tensors[index].operation = .update(update)
    }
    let transaction = try OutputTransaction(
      path: directory.path("merged.safetensors"), force: false, inputs: [])
    _ = try Execution(plan, threads: 1).run(transaction, progress: Progress(total: 0))
    let report = try verify(try Checkpoint.open(transaction.path))
    #expect(report.conclusion() == row.conclusion)
    #expect(report.isEqual(tolerance: 16) == (row.conclusion == .otherRounding))
    #expect(abs(try #require(report.commonScale) - row.scale) < 0.002 * row.scale)
  }

  @Test(arguments: Numerics.allCases)
  func `several adapters are recognised with their weights`(numerics: Numerics) throws {
    let base = try Fixtures.checkpoint("\(Self.group)/base")
    let names = ["adapter-plain", "adapter-rslora", "adapter-patterns"]
    func adapters(_ weights: [Double]) throws -> [WeightedAdapter] {
      try zip(names, weights).map {
        WeightedAdapter(try Fixtures.adapter("\(Self.group)/\($0)"), weight: $1)
      }
    }
    let directory = TemporaryDirectory()
    let weighted = try adapters([1, -0.5, 2])
    let transaction = try OutputTransaction(
      path: directory.path("merged.safetensors"), force: false, inputs: [])
    let options = OutputOptions(numerics: numerics, isSingleFile: true)
    let plan = try AdapterMerge(base: base, adapters: weighted, options: options).plan
    _ = try Execution(plan, threads: 2).run(transaction, progress: Progress(total: 0))
    let merged = try Checkpoint.open(transaction.path)
    func report(_ adapters: [WeightedAdapter]) throws -> VerificationReport {
      try MergeVerification(base: base, merged: merged, options: .init()) {
        (options) throws(CheckpointError) in
        try AdapterMerge(base: base, adapters: adapters, options: options).plan
      }.run(progress: Progress(total: 0))
    }
    let found = try report(weighted)
    #expect(found.isEqual())
    #expect(found.numerics == (numerics == .exact ? .exact : .peft))
    let wrong = try report(try adapters([1, 0.5, 2]))
    #expect(!wrong.isEqual(tolerance: 4) && wrong.numerics == nil)
  }

  @Test func `another adapter is not the merge`() throws {
    let (path, directory) = try merged(adapter: "adapter-rslora")
    let report = try verify(try Checkpoint.open(path), adapter: "adapter-patterns")
    #expect(!report.isEqual(tolerance: 1000), "\(directory.path)")
    #expect(report.changes.allSatisfy { $0.reason == .values })
  }

  @Test func `a model without any of the targets is refused`() throws {
    let error = #expect(throws: CheckpointError.self) {
      _ = try verify(try Fixtures.checkpoint("peft/gpt2-f32/base"))
    }
    #expect(
      error?.message
        == "holds none of the 14 tensors that the adapter changes in their shapes, "
        + "\"model.layers.0.mlp.down_proj.weight\" for one; expected the names of the base")
  }

  @Test(
    arguments: [
      (
        "stories/internvl/checkpoint",
        "still holds an adapter beside its base, so that nothing is merged in it; expected the "
          + "merged model", "tenon merge PATH -o OUT"
      ),
      (
        "peft/llama-bf16/adapter-plain", "is an adapter (peft-adapter); expected the merged model",
        nil
      ),
    ] as [(String, String, String?)])
  func `what is not merged at all is told`(name: String, message: String, fix: String?) throws {
    let error = #expect(throws: CheckpointError.self) {
      _ = try verify(try Fixtures.checkpoint(name))
    }
    #expect(error?.message == message)
    #expect(error?.fix == fix?.replacing("PATH", with: shellQuoted(Fixtures.path(name))))
  }

  /// The output of a fused attention with `share` of its update added, or of another module
  /// of that name.
  @Test(
    arguments: [
      (2, true, .addedTwice, .twice), (1, true, .equal, .equal), (3, true, .otherScale, .other),
      (2, false, .otherScale, .other),
    ] as [(share: Float, isFused: Bool, conclusion: VerificationConclusion, verdict: Verdict)])
  func `what PEFT adds twice is told`(
    row: (share: Float, isFused: Bool, conclusion: VerificationConclusion, verdict: Verdict)
  ) throws {
    let directory = TemporaryDirectory()
    let name = row.isFused ? "attn.base_layer.out_proj" : "attn.out_proj"
    let other = ("attn.in_proj_weight", TestTensor([6, 2], [Float](repeating: 0.5, count: 12)))
    func model(_ share: Float) -> [(String, TestTensor)] {
      let values: [Float] = [1 + share, 2 - 2 * share, 3 + 4 * share, 4 - 8 * share]
      return [("attn.out_proj.weight", TestTensor([2, 2], values)), other]
    }
    try directory.write(model(0), to: "base.safetensors")
    try directory.write(model(row.share), to: "merged.safetensors")
    try directory.write(
      [
        ("base_model.model.\(name).lora_A.weight", TestTensor([1, 2], [1, -2])),
        ("base_model.model.\(name).lora_B.weight", TestTensor([2, 1], [1, 4])),
      ], to: "adapter/adapter_model.safetensors")
    try directory.write(
      #"{"peft_type": "LORA", "r": 1, "lora_alpha": 1}"#, to: "adapter/adapter_config.json")
    let base = try Checkpoint.open(directory.path("base.safetensors"))
    let adapter = try Adapter(Checkpoint.open(directory.path("adapter")))
    let report = try MergeVerification(
      base: base, merged: try Checkpoint.open(directory.path("merged.safetensors")),
      options: .init()
    ) { (options) throws(CheckpointError) in
      try AdapterMerge(base: base, adapter: adapter, options: options).plan
    }.run(progress: Progress(total: 0))
    #expect(report.targets.map(\.verdict) == [row.verdict])
    #expect(report.conclusion() == row.conclusion)
  }

  @Test(arguments: [1, 3])
  func `neither threads nor memory change the report`(threads: Int) throws {
    let merged = try Fixtures.checkpoint("\(Self.group)/merged-rslora")
    let expected = try verify(merged) { $0.threads = 1 }
    let found = try verify(merged) {
      $0.threads = threads
      $0.maximumMemory = 18 << 20
    }
    #expect(found.targets.map(\.differing) == expected.targets.map(\.differing))
    #expect(found.targets.map(\.distance.maximumUlp) == expected.targets.map(\.distance.maximumUlp))
    #expect(found.targets.map(\.isBase) == expected.targets.map(\.isBase))
    #expect(found.conclusion() == expected.conclusion())
    #expect(found.untouched == expected.untouched)
  }
}
