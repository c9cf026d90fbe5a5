import TestSupport
import Testing

@testable import Formats
@testable import Inspect

/// Experts that are held one by one.
@Suite struct CheckExpertTests {
  struct Case: CustomTestStringConvertible {
    let name: String
    var configuration = #"{"num_local_experts": 4}"#
    /// The numbers of the experts that have each module, the same in both layers.
    let numbers: [String: [Int]]
    /// What an index names and no shard gave.
    var absent: [String] = []
    var message: String?
    var testDescription: String { name }
  }

  private static let consequence =
    ": transformers, which fuses them in the order of their numbers, fails or takes one for "
    + "another"

  static let cases = [
    Case(name: "all of them", numbers: ["w1": [0, 1, 2, 3], "w2": [0, 1, 2, 3]]),
    Case(
      name: "one without a module", numbers: ["w1": [0, 1, 2, 3], "w2": [0, 1, 2]],
      message:
        "2 modules of experts are missing (l.{0..1}.experts.3.w2 ×2), which the other experts "
        + "of the list have; config.json says 4 experts" + consequence),
    Case(
      name: "one with another number", numbers: ["w1": [0, 9, 2, 3]],
      message:
        "2 modules of experts are missing (l.{0..1}.experts.1.w1 ×2), which the other experts "
        + "of the list have, and l.{0..1}.experts.9.w1 ×2 lie beyond their number; config.json says "
        + "4 experts" + consequence),
    Case(
      name: "a hole, and no word of their number", configuration: "{}", numbers: ["w1": [0, 2]],
      message:
        "2 modules of experts are missing (l.{0..1}.experts.1.w1 ×2), which the other experts "
        + "of the list have" + consequence),
    Case(
      name: "a number that is not of this list", configuration: #"{"num_experts": 64}"#,
      numbers: ["w1": [0, 1, 2]]),
    Case(
      name: "some in a shard that was not read", numbers: ["w1": [0, 1, 2]],
      absent: ["l.0.experts.3.w1.weight", "l.1.experts.3.w1.weight"]),
  ]

  @Test(arguments: cases)
  func `each expert has what the others have`(row: Case) throws {
    let names = (0..<2).flatMap { layer in
      row.numbers.sorted { $0.key < $1.key }.flatMap { module, numbers in
        numbers.map { "l.\(layer).experts.\($0).\(module).weight" }
      }
    }
    var checkpoint = Checkpoint(
      path: "x", format: .safetensors, records: names.map { tensor($0) })
    let directory = TemporaryDirectory()
    checkpoint.sideFiles = [try directory.sideFile("config.json", row.configuration)]
    if !row.absent.isEmpty {
      checkpoint.absentShards = [
        AbsentShard(name: "b", tensors: row.absent, reason: CheckpointError(path: "b", "gone"))
      ]
    }
    let report = try CheckpointCheck(checkpoint).report(against: .nothing, readsValues: false)
    let told = report.findings.filter { $0.code == .missingKey }
    #expect(told.map(\.message) == [row.message].compactMap(\.self))
    #expect(told.allSatisfy { $0.severity == .error })
  }

  @Test func `what an index names and no shard gave is not lost`() throws {
    let base = Checkpoint(
      path: "base", format: .safetensors,
      records: ["model.embed_tokens.weight", "lm_head.weight"].map { tensor($0) })
    var checkpoint = Checkpoint(
      path: "x", format: .safetensors, records: [tensor("model.embed_tokens.weight")])
    checkpoint.absentShards = [
      AbsentShard(
        name: "b", tensors: ["lm_head.weight"], reason: CheckpointError(path: "b", "gone"))
    ]
    let report = try CheckpointCheck(checkpoint).report(against: .base(base), readsValues: false)
    #expect(
      report.findings.filter { $0.code == .missingKey }.map(\.message) == [
        "missing key \"lm_head.weight\" is in the index, but was not read, as its other findings "
          + "tell: mend the index or the shards before anything else"
      ])
    #expect(report.load.missing == ["lm_head.weight"])
  }
}
