public import Formats
public import Inspect
import OrderedCollections

/// A conversion, which is a merge without adapters: everything that can be refused
/// is refused by its initialiser.
public struct CheckpointConversion: Sendable {
  public let plan: MergePlan
  public let threads: Int
  /// What is written once under several names.
  public let shared: SharedTensors

  /// Plans to write those tensors of `checkpoint` that `filter` lets through.
  ///
  /// Tensors that share their data do so in the output, as far as its format can;
  /// where `keepsShared`, each goes out by itself.
  public init(
    _ checkpoint: Checkpoint, filter: NameFilter, keepsShared: Bool, options: OutputOptions
  ) throws(CheckpointError) {
    let kind = Inspection(checkpoint).kind
    let chosen = try Self.chosen(checkpoint, by: filter)
    shared =
      keepsShared
      ? SharedTensors(none: chosen)
      : SharedTensors(in: chosen, restores: options.format.sharesStorages, filter: filter)
    plan = try PlanBuilder(
      base: chosen, options: options, sharing: shared,
      isAdapter: kind == .peftAdapter || kind == .llavaAdapter,
      holdsAdapter: kind == .wrappedCheckpoint, isVerifying: true
    ).plan(updates: [:], findings: checkpoint.findings)
    threads = options.threads
  }

  /// The checkpoint with the chosen tensors alone.
  private static func chosen(_ checkpoint: Checkpoint, by filter: NameFilter)
    throws(CheckpointError) -> Checkpoint
  {
    guard !filter.isEmpty else { return checkpoint }
    var chosen = checkpoint
    chosen.records = []
    chosen.shards = []
    for shard in checkpoint.shards {
      let start = chosen.records.count
      chosen.records += checkpoint.records[shard.records].filter { filter.accepts($0.name) }
      chosen.shards.append(
        Shard(name: shard.name, file: shard.file, records: start..<chosen.records.count))
    }
    guard !chosen.records.isEmpty || checkpoint.records.isEmpty else {
      throw CheckpointError(
        path: checkpoint.path,
        "none of its \(checkpoint.records.count) tensors passes --include and --exclude",
        fix: "tenon inspect \(shellQuoted(checkpoint.path)) --tree")
    }
    chosen.dropNotes(about: checkpoint)
    return chosen
  }
}

extension Checkpoint {
  /// Removes notes that a name is that of a tensor which is not here any more.
  fileprivate mutating func dropNotes(about whole: Checkpoint) {
    let (present, known) = (positions(), whole.positions())
    metadata.removeAll { entry in known[entry.value] != nil && present[entry.value] == nil }
  }
}
