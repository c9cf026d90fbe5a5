import Compute
import Formats
import Inspect
import TestSupport
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
    let names = MergeReport(merge, statistics: []).targets.map(\.tensor)
    let report = MergeReport(
      merge,
      statistics: [
        (names[0], UpdateStatistics(baseSquares: 1)), (names[1], UpdateStatistics(baseSquares: 1)),
        (names[2], UpdateStatistics(baseSquares: 1, updateSquares: .infinity, notFinite: 2)),
      ])
    #expect(report.findings.map(\.code) == [.zeroUpdate, .notFinite])
    #expect(report.findings.map(\.tensors) == [[names[0], names[1]], [names[2]]])
    #expect(report.findings.allSatisfy { $0.severity == .warning })
  }

  struct ZeroCase: CustomTestStringConvertible, Sendable {
    let name: String
    /// Of each adapter its configuration's fields, its tensors by what follows the module's
    /// name, and its weight.
    let adapters: [(fields: String, tensors: [(String, TestTensor)], weight: Double)]
    let reason: String
    var testDescription: String { name }
  }

  private static let lora = #""peft_type": "LORA", "r": 1, "lora_alpha": 1"#
  private static let a = ("lora_A.weight", TestTensor([1, 2], [1, 2]))
  private static let b = ("lora_B.weight", TestTensor([2, 1], [3, 4]))
  private static let untrained = ("lora_B.weight", TestTensor([2, 1], [0, 0]))

  static let zeros = [
    ZeroCase(
      name: "B as before training", adapters: [(lora, [a, untrained], 1)],
      reason: "one of the adapter's factors is zero, as B is before training"),
    ZeroCase(
      name: "--weight 0", adapters: [(lora, [a, b], 0)], reason: "it is added with the scale 0"),
    ZeroCase(
      name: "there and back", adapters: [(lora, [a, b], 1), (lora, [a, b], -1)],
      reason: "what is added is zero, or adds up to it"),
    ZeroCase(
      name: "(IA)³",
      adapters: [
        (
          #""peft_type": "IA3", "feedforward_modules": []"#,
          [("ia3_l", TestTensor([2, 1], [1, 1]))], 1
        )
      ],
      reason: "the adapter multiplies by 1, as before training"),
    ZeroCase(
      name: "DoRA",
      adapters: [
        (
          lora + #", "use_dora": true"#,
          [a, untrained, ("lora_magnitude_vector", TestTensor([2], [5, 13]))], 1
        )
      ],
      reason: "the adapter is as it was before training"),
    ZeroCase(
      name: "LoHa",
      adapters: [
        (
          #""peft_type": "LOHA", "r": 1, "alpha": 1"#,
          [
            ("hada_w1_a", TestTensor([2, 1], [1, 2])), ("hada_w1_b", TestTensor([1, 2], [1, 2])),
            ("hada_w2_a", TestTensor([2, 1], [0, 0])), ("hada_w2_b", TestTensor([1, 2], [1, 2])),
          ], 1
        )
      ],
      reason: "one of the adapter's factors is zero, as before training"),
  ]

  @Test(arguments: zeros)
  func `what is said of a zero update is true of its method`(row: ZeroCase) throws {
    let directory = TemporaryDirectory()
    try directory.write(
      ["q.weight": TestTensor([2, 2], [3, 4, 5, 12])], to: "base/model.safetensors")
    let adapters = try row.adapters.enumerated().map { position, adapter in
      let name = "adapter-\(position)"
      try directory.write(
        adapter.tensors.map { ("base_model.model.q.\($0)", $1) },
        to: "\(name)/adapter_model.safetensors")
      try directory.write("{\(adapter.fields)}", to: "\(name)/adapter_config.json")
      return WeightedAdapter(
        try Adapter(Checkpoint.open(directory.path(name))), weight: adapter.weight)
    }
    let merge = try AdapterMerge(
      base: try Checkpoint.open(directory.path("base")), adapters: adapters,
      options: OutputOptions(isSingleFile: true))
    let written = try run(merge.plan)
    #expect(
      MergeReport(merge, statistics: written.statistics).findings.map(\.message) == [
        "the update of tensor \"q.weight\" is zero everywhere: \(row.reason)"
      ])
  }

  @Test func `what conversions lose beyond the last digits is told in one finding`() throws {
    let report = MergeReport(
      try merge(nil), statistics: [],
      losses: [
        ("a.weight", ConversionLosses(overflow: 1, underflow: 2, changed: 5)),
        ("b.weight", ConversionLosses(changed: 5)),
        ("c.weight", ConversionLosses(underflow: 3, changed: 3)),
      ])
    #expect(report.findings.map(\.code) == [.lossyType])
    #expect(report.findings.map(\.tensors) == [["a.weight", "c.weight"]])
    #expect(
      report.findings.first?.message
        == "the type of the output does not hold all values of 2 tensors (a.weight, c.weight): "
        + "1 overflowed, 5 became zero")
  }

  @Test func `an update that the rounding takes back and more is no share of it`() throws {
    let report = MergeReport(
      try merge(nil),
      statistics: [
        ("a.weight", UpdateStatistics(baseSquares: 1, updateSquares: 4, kept: -35))
      ])
    #expect(
      report.findings.map(\.message) == [
        "the rounding to the type of the output keeps nothing of the update and takes away more of "
          + "tensor \"a.weight\"; --dtype F32 keeps all of it"
      ])
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
