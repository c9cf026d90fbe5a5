import Formats
import TestSupport
import Testing

@testable import Inspect

/// Files of a training run that hold no weights.
@Suite struct TrainingStateTests {
  struct Case: CustomTestStringConvertible {
    let words: String
    let others: [String]
    var tensors: [String] = []
    var testDescription: String { words }
  }

  static let cases = [
    Case(
      words: "the state of an optimizer", others: ["param_groups"],
      tensors: ["state[0].exp_avg", "state[0].step"]),
    Case(words: "the state of an optimizer", others: ["state", "param_groups"]),
    Case(
      words: "the state of a scheduler of learning rates",
      others: ["base_lrs", "last_epoch", "_step_count", "_last_lr"]),
    Case(
      words: "the states of random number generators", others: ["python", "numpy"],
      tensors: ["cpu", "cuda[0]"]),
    Case(
      words: "the state of a scaler of gradients",
      others: ["scale", "growth_factor", "backoff_factor", "growth_interval"]),
  ]

  private func checkpoint(_ row: Case, in directory: String) throws -> Checkpoint {
    let file = try InputFile(holding: [], name: "\(directory)state.pt")
    return Checkpoint(
      path: "\(directory)state.pt", format: .pytorchZip,
      records: row.tensors.map { tensor($0, [4]) },
      shards: [Shard(name: "state.pt", file: file, records: 0..<row.tensors.count)],
      others: row.others.map { OtherEntry(path: $0, description: "…") })
  }

  private func findings(_ checkpoint: Checkpoint) throws -> [Finding] {
    try CheckpointCheck(checkpoint).report(against: .nothing, readsValues: false).findings
  }

  @Test(arguments: cases)
  func `is called what it is`(row: Case) throws {
    let checkpoint = try checkpoint(row, in: "/nowhere/")
    #expect(Inspection(checkpoint).kind == .trainingState)
    let found = try findings(checkpoint)
    #expect(
      found.map(\.message) == [
        "\"state.pt\" holds \(row.words) and no weights: give the file of those, such as "
          + "model.safetensors or adapter_model.safetensors"
      ])
    #expect(found.map(\.code) == [.trainingState] && found[0].severity == .warning)
    #expect(found.map(\.fix) == [nil])
  }

  @Test(arguments: [
    // Weights beside the rest of a checkpoint, and a model with modules of such names.
    Case(words: "", others: ["param_groups"], tensors: ["model.a.weight", "state[0].step"]),
    Case(words: "", others: ["python"], tensors: ["cpu"]),
    Case(words: "", others: ["epoch"], tensors: ["state.weight"]),
    Case(words: "", others: [], tensors: ["cpu"]),
  ])
  func `a file with weights is none`(row: Case) throws {
    #expect(Inspection(try checkpoint(row, in: "/nowhere/")).kind == .stateDict)
  }

  @Test func `names the weights that lie beside it`() throws {
    let folder = TemporaryDirectory()
    let file = safetensors(
      #"{"a.weight":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#, data: [0])
    try folder.write(file, to: "model.safetensors")
    let found = try findings(try checkpoint(Self.cases[0], in: "\(folder.path)/"))
    #expect(
      found.map(\.message) == [
        "\"state.pt\" holds the state of an optimizer and no weights: those of the run lie beside "
          + "it, in \"model.safetensors\""
      ])
    #expect(found.map(\.fix) == ["tenon check \(folder.path)/"])
  }
}
