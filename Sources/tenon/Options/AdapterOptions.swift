import ArgumentParser
import Formats
import Inspect
import Merge

/// How adapters are to be read and how much of each counts.
struct AdapterOptions: ParsableArguments {
  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "How much of an adapter to add: one for each adapter, in their order; 1 where left out.",
      valueName: "weight"))
  var weight: [Double] = []

  @Flag(help: "Subtract the adapters: take a merge back.")
  var unmerge = false

  @Option(
    help: ArgumentHelp(
      "Merge only into modules whose path matches; may be given more than once.",
      valueName: "glob"))
  var include: [String] = []

  @Flag(
    help: """
      Keep tied embeddings one tensor, which an adapter on any of them then changes, as PEFT \
      does.
      """)
  var keepTied = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The lora_alpha of an adapter whose files do not hold it.", valueName: "alpha"))
  var alpha: Double?

  @OptionGroup(title: HDF5Options.title)
  var hdf5: HDF5Options

  func validate() throws {
    if let alpha, !alpha.isFinite { throw ValidationError("--alpha must be a finite number") }
    guard weight.allSatisfy(\.isFinite) else {
      throw ValidationError("--weight must be a finite number")
    }
  }

  /// Throws unless there is at most one weight for each adapter, and an adapter for what
  /// concerns a part of it or its opposite.
  func validate(adapterCount: Int) throws {
    if adapterCount == 0, unmerge || !include.isEmpty {
      throw ValidationError(
        "\(unmerge ? "--unmerge" : "--include") needs an adapter in files of its own; a checkpoint "
          + "that holds base and adapter is merged whole")
    }
    guard weight.count <= adapterCount else {
      throw ValidationError("\(weight.count) weights for \(adapterCount) adapters")
    }
  }

  /// What is added to what: the adapters to the base or, where there are none, those that
  /// `base` holds itself.
  func parts(_ base: String, _ adapters: [String]) throws(CheckpointError) -> MergeParts {
    guard adapters.isEmpty else {
      let base = try hdf5.open(base)
      return .separate(base: base, adapters: try weightedAdapters(adapters, base: base))
    }
    let wrapped = try WrappedCheckpoint(try hdf5.open(base), alpha: alpha)
    return .wrapped(wrapped, findings: notes(wrapped.adapters))
  }

  private func weightedAdapters(_ paths: [String], base: Checkpoint) throws(CheckpointError)
    -> [WeightedAdapter]
  {
    let filter = try NameFilter(include: include)
    var weighted: [WeightedAdapter] = []
    for (position, path) in paths.enumerated() {
      let source = try hdf5.open(path).adapterPart()
      let adapter = try readAdapter(source)
      let share = position < weight.count ? weight[position] : 1
      var part = WeightedAdapter(
        filter.isEmpty ? adapter : try limited(adapter, to: filter, base: base),
        weight: unmerge ? -share : share, from: source)
      part.isWhole = filter.isEmpty
      part.findings += notes([adapter])
      weighted.append(part)
    }
    return weighted
  }

  /// An option that changes nothing is worth a word.
  private func notes(_ adapters: [Adapter]) -> [Finding] {
    guard let alpha,
      !adapters.contains(where: { $0.modules.contains { $0.alpha == alpha } })
    else { return [] }
    return [
      Finding(
        .warning, .configMismatch,
        "--alpha \(plain(alpha)) is not used: the files of the adapter say its lora_alpha")
    ]
  }

  private func limited(_ adapter: Adapter, to filter: NameFilter, base: Checkpoint)
    throws(CheckpointError) -> Adapter
  {
    if let part = adapter.limited(to: filter, base: base) { return part }
    throw CheckpointError(
      path: adapter.path, "none of its modules matches --include \(include.joined(separator: " "))",
      fix: "tenon inspect \(shellQuoted(adapter.path)) --keys")
  }

  private func readAdapter(_ source: Checkpoint) throws(CheckpointError) -> Adapter {
    guard let adapter = try Adapter.read(source, alpha: alpha) else {
      throw CheckpointError(
        path: source.path, "holds no tensors of an adapter: no lora_A, no lora_B and no other kind",
        fix: "tenon inspect \(shellQuoted(source.path))")
    }
    return adapter
  }
}

/// A base and what is added to it.
enum MergeParts {
  case separate(base: Checkpoint, adapters: [WeightedAdapter])
  case wrapped(WrappedCheckpoint, findings: [Finding])

  var base: Checkpoint {
    switch self {
    case .separate(let base, _): base
    case .wrapped(let wrapped, _): wrapped.base
    }
  }

  func merge(_ options: OutputOptions) throws(CheckpointError) -> AdapterMerge {
    switch self {
    case .separate(let base, let adapters):
      try AdapterMerge(base: base, adapters: adapters, options: options)
    case .wrapped(let wrapped, let findings):
      try AdapterMerge(wrapped, findings: findings, options: options)
    }
  }
}
