import Formats

/// What a trainer keeps of its run beside the weights, and in which there are none: a row
/// of the table by which it is known.
struct TrainingState: Sendable {
  /// What it is, as a sentence says it.
  let words: String
  /// Names beside the tensors, all of which it has.
  let others: [String]
  /// The first segments of its tensors' names: it has no others.
  var tensors: [String] = []

  private static let table = [
    TrainingState(
      words: "the state of an optimizer", others: ["param_groups"], tensors: ["state"]),
    TrainingState(
      words: "the state of a scheduler of learning rates", others: ["last_epoch", "_step_count"]),
    TrainingState(
      words: "the states of random number generators", others: ["python", "numpy"],
      tensors: ["cpu", "cuda", "xla", "npu", "mlu", "musa", "hpu", "xpu", "mps"]),
    TrainingState(
      words: "the state of a scaler of gradients", others: ["growth_factor", "backoff_factor"]),
  ]
  private static let arguments = TrainingState(words: "the arguments of a training run", others: [])

  /// What the checkpoint is, by what it holds.
  static func recognised(_ checkpoint: Checkpoint) -> TrainingState? {
    guard checkpoint.shards.count == 1, !checkpoint.others.isEmpty else { return nil }
    let others = Set(checkpoint.others.map(\.path))
    let names = checkpoint.records.map(\.name)
    let row = table.first { row in
      row.others.allSatisfy(others.contains)
        && names.allSatisfy { name in
          row.tensors.contains { $0 == name.prefix { $0 != "." && $0 != "[" } }
        }
    }
    if let row { return row }
    // The classes of libraries inherit from that of transformers and use its enumerations.
    let isOfArguments = checkpoint.findings.contains {
      $0.code == .unsafeGlobal && $0.message.contains(" transformers.training_args.")
    }
    return names.isEmpty && isOfArguments ? arguments : nil
  }

  /// That there are no weights, and where there are some.
  static func finding(_ checkpoint: Checkpoint) -> Finding? {
    guard let state = recognised(checkpoint), let shard = checkpoint.shards.first else {
      return nil
    }
    let directory = String(shard.file.path.dropLast(shard.name.count))
    let weights = directory == shard.file.path ? nil : weights(in: directory, besides: shard.name)
    return Finding(
      .warning, .trainingState, tensors: checkpoint.records.map(\.name),
      "\(shard.name.quoted) holds \(state.words) and no weights: "
        + (weights.map { "those of the run lie beside it, in \($0.shards[0].name.quoted)" }
          ?? "give the file of those, such as model.safetensors or adapter_model.safetensors"),
      fix: weights.map { "tenon check \(shellQuoted($0.path))" })
  }

  /// The weights in the directory, where there are some.
  private static func weights(in directory: String, besides name: String) -> Checkpoint? {
    let path = directory.isEmpty ? "." : directory
    let options = Checkpoint.OpeningOptions(isTolerant: true, listsAbsentShards: true)
    guard let found = try? Checkpoint.open(path, options: options),
      let first = found.shards.first, first.name != name,
      // States of DeepSpeed and pipelines are no one file.
      first.file.path.hasSuffix("/\(first.name)"), recognised(found) == nil
    else { return nil }
    return found
  }
}
