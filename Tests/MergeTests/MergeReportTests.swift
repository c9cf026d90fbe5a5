import Compute
import Formats
import Testing

@testable import Merge

@Suite struct MergeReportTests {
  private func merge(_ type: ElementType?) throws -> AdapterMerge {
    try AdapterMerge(
      base: try Fixtures.checkpoint("peft/llama-bf16/base-sharded"),
      adapter: try Fixtures.adapter("peft/llama-bf16/adapter-rslora"),
      options: OutputOptions(type: type))
  }

  @Test func `the report tells before the merge what is known then`() throws {
    let merge = try merge(.f32)
    let report = MergeReport(merge, statistics: [])
    #expect(
      report.targets.map(\.target).sorted() == [
        "model.layers.0.self_attn.q_proj", "model.layers.0.self_attn.v_proj",
        "model.layers.1.self_attn.q_proj", "model.layers.1.self_attn.v_proj",
      ])
    for target in report.targets {
      #expect(target.tensor == target.target + ".weight")
      #expect(target.rank == 4 && target.scale == 4)
      #expect(target.adapters == [Fixtures.path("peft/llama-bf16/adapter-rslora")])
      #expect(target.relativeUpdate == nil && target.kept == nil)
    }
    #expect(report.copied == 0 && report.untouchedBytes == 0)
    #expect(report.converted == 17)
    #expect(report.total == nil)
    #expect(report.files.count == 3)
    #expect(report.byteCount == merge.plan.byteCount)
  }

  @Test func `tensors that go out as they came in are counted with their bytes`() throws {
    let merge = try merge(nil)
    let report = MergeReport(merge, statistics: [])
    let copied = merge.plan.tensors.filter { tensor in
      if case .copy = tensor.operation { true } else { false }
    }
    #expect(report.copied == 17 && copied.count == 17)
    #expect(report.untouchedBytes == copied.reduce(0) { $0 + $1.byteCount })
    #expect(report.converted == 0)
  }

  @Test func `the sums become shares, for each target and for all together`() throws {
    let merge = try merge(nil)
    let targets = MergeReport(merge, statistics: []).targets.map(\.tensor)
    let sums = UpdateStatistics(baseSquares: 16, updateSquares: 4, kept: 3)
    let report = MergeReport(merge, statistics: targets.map { ($0, sums) })
    for target in report.targets {
      #expect(target.relativeUpdate == 0.5, "\(target.target)")
      #expect(target.kept == 0.75, "\(target.target)")
    }
    #expect(report.total?.relativeUpdate == 0.5)
    #expect(report.total?.keptShare == 0.75)
    #expect(report.findings.isEmpty)
  }

  @Test func `a zero update and values that are not finite are found`() throws {
    let merge = try merge(nil)
    let report = MergeReport(
      merge,
      statistics: [
        ("a.0.weight", UpdateStatistics(baseSquares: 1)),
        ("a.1.weight", UpdateStatistics(baseSquares: 1)),
        ("b.weight", UpdateStatistics(baseSquares: 1, updateSquares: .infinity, notFinite: 2)),
      ])
    #expect(report.findings.map(\.code) == [.zeroUpdate, .notFinite])
    #expect(report.findings.map(\.tensors) == [["a.0.weight", "a.1.weight"], ["b.weight"]])
    #expect(report.findings.allSatisfy { $0.severity == .warning })
  }

  @Test func `an update that the rounding mostly eats is told, with what would keep it`() throws {
    let report = MergeReport(
      try merge(nil),
      statistics: [
        ("a.weight", UpdateStatistics(baseSquares: 1, updateSquares: 4, kept: 1)),
        ("b.weight", UpdateStatistics(baseSquares: 1, updateSquares: 4, kept: 2)),
      ])
    #expect(report.findings.map(\.tensors) == [["a.weight"]])
    #expect(
      report.findings.first?.message
        == "the rounding to the type of the output keeps only 25 % of the update of tensor "
        + "\"a.weight\"; --dtype F32 keeps all of it")
  }
}
