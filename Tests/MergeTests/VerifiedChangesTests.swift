import Compute
import Formats
import Inspect
import TestSupport
import Testing

@testable import Merge

/// Merged models that other programs wrote, or trained on.
@Suite struct VerifiedChangesTests {
  private let files = AdapterMergeTests()

  private func report(_ base: Checkpoint, _ adapter: Adapter, _ merged: Checkpoint) throws
    -> VerificationReport
  {
    try MergeVerification(base: base, merged: merged, options: .init()) {
      (options) throws(CheckpointError) in
      try AdapterMerge(base: base, adapter: adapter, options: options).plan
    }.run(progress: Progress(total: 0))
  }

  @Test(arguments: ["language_model.lm_head.weight", "lm_head.weight"])
  func `the head of a language model inside another has either name`(head: String) throws {
    let directory = TemporaryDirectory()
    let base = try files.base(
      in: directory, #"{"tie_word_embeddings": true}"#,
      [
        "language_model.model.embed_tokens.weight": files.ones([5, 4]),
        "language_model.model.layers.0.q_proj.weight": files.ones([4, 4]),
      ])
    let adapter = try files.adapter(in: directory, files.pair("language_model.lm_head", 5, 4))
    // Two factors of ones add 2 everywhere.
    try directory.write(
      [
        "language_model.model.embed_tokens.weight": files.ones([5, 4]),
        "language_model.model.layers.0.q_proj.weight": files.ones([4, 4]),
        head: TestTensor([5, 4], [Float](repeating: 3, count: 20)),
      ], to: "merged.safetensors")
    let merged = try Checkpoint.open(directory.path("merged.safetensors"))
    let report = try report(base, adapter, merged)
    #expect(report.conclusion() == .equal)
    #expect(report.targets.map(\.tensor) == [head])
    #expect(report.changes.isEmpty)
  }

  /// A merge with `scale` times the update and something trained beside it.
  @Test(
    arguments: [(1, .changedFurther), (2, .otherScale)]
      as [(scale: Float, conclusion: VerificationConclusion)])
  func `a merge that was trained further is no other scale`(
    row: (scale: Float, conclusion: VerificationConclusion)
  ) throws {
    let directory = TemporaryDirectory()
    let base = try files.base(
      in: directory, "{}", ["norm.weight": files.ones([4]), "q_proj.weight": files.ones([4, 4])])
    let adapter = try files.adapter(in: directory, files.pair("q_proj", 4, 4))
    let values = (0..<16).map { 1 + 2 * row.scale + ($0.isMultiple(of: 2) ? 0.25 : -0.25) }
    try directory.write(
      [
        "norm.weight": TestTensor([4], [1, 1, 1, 1.5]),
        "q_proj.weight": TestTensor([4, 4], values),
      ], to: "merged.safetensors")
    let merged = try Checkpoint.open(directory.path("merged.safetensors"))
    let report = try report(base, adapter, merged)
    #expect(report.targets.map(\.verdict) == [.other])
    #expect(report.changes.map(\.name) == ["norm.weight"])
    #expect(report.conclusion() == row.conclusion)
  }
}
