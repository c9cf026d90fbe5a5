import Compute
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
  /// The keys inside a PyTorch file that lead to what is converted.
  public let root: [String]
  /// What the input holds beside that.
  public let left: [OtherEntry]

  /// Plans to write those tensors of `checkpoint` that `filter` lets through.
  ///
  /// Tensors that share their data do so in the output, as far as its format can;
  /// where `keepsShared`, each goes out by itself.
  public init(
    _ checkpoint: Checkpoint, filter: NameFilter, keepsShared: Bool, options: OutputOptions
  ) throws(CheckpointError) {
    try Self.requireTensors(checkpoint)
    try checkpoint.requireDistinctNames(filter.accepts, canExclude: true)
    let kind = Inspection(checkpoint).kind
    let chosen = try Self.chosen(checkpoint, by: filter)
    shared =
      keepsShared
      ? SharedTensors(none: chosen)
      : SharedTensors(in: chosen, restores: options.format.sharesStorages, filter: filter)
    plan = try PlanBuilder(
      base: chosen, options: options, sharing: shared,
      isAdapter: kind == .peftAdapter || kind == .llavaAdapter,
      holdsAdapter: kind == .wrappedCheckpoint, isVerifying: true,
      canExclude: true
    ).plan(updates: [:], findings: chosen.findings + Self.findings(on: options.type, chosen))
    root = checkpoint.rootPath
    left = checkpoint.others
    threads = options.threads
  }

  /// An output without any tensor is of no use to anybody.
  private static func requireTensors(_ checkpoint: Checkpoint) throws(CheckpointError) {
    guard checkpoint.records.isEmpty else { return }
    throw CheckpointError(
      path: checkpoint.path,
      checkpoint.format == .torchscript
        ? "holds no tensor to convert; the weights of a frozen module are constants of its code, "
          + "which is not read"
        : "holds no tensor to convert",
      fix: "tenon inspect \(shellQuoted(checkpoint.path))")
  }

  /// What is to be said of the type that the user asked for.
  private static func findings(on type: ElementType?, _ checkpoint: Checkpoint) -> [Finding] {
    guard let type else { return [] }
    let floats = checkpoint.records.filter { $0.type.element?.kind == .float }
    if floats.isEmpty {
      return [
        Finding(
          .note, .optionWithoutEffect,
          "--dtype \(type.name) changes nothing: it concerns float tensors, and there is none")
      ]
    }
    let changed = floats.filter { $0.type.element != type }.map(\.name)
    guard type == .f8e8m0, !changed.isEmpty else { return [] }
    return [
      Finding(
        .warning, .lossyType, tensors: changed,
        "F8_E8M0 holds positive powers of two alone: as in torch, signs are lost and zero becomes "
          + "2^-127; the counts of overflow and underflow do not tell that")
    ]
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
    chosen.dropFindings(by: filter)
    return chosen
  }
}

extension Checkpoint {
  /// Removes findings about tensors that are not here any more.
  fileprivate mutating func dropFindings(by filter: NameFilter) {
    findings.removeAll { finding in
      // Tensors that share are told together, so one that is gone makes it wrong; what
      // is shared in the output is told anyway.
      finding.code == .sharedStorage
        ? !finding.tensors.allSatisfy(filter.accepts)
        : !finding.tensors.isEmpty && !finding.tensors.contains(where: filter.accepts)
    }
  }

  /// Removes notes that a name is that of a tensor which is not here any more.
  fileprivate mutating func dropNotes(about whole: Checkpoint) {
    let (present, known) = (positions(), whole.positions())
    metadata.removeAll { entry in known[entry.value] != nil && present[entry.value] == nil }
  }
}
