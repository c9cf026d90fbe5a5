import Compute
public import Formats
public import Inspect

/// The merge of adapters into one model: everything that can be refused is refused
/// by its initialiser.
public struct AdapterMerge: Sendable {
  public let plan: MergePlan
  public let threads: Int

  /// Plans the base with everything that each adapter adds to it, multiplies it with
  /// or puts in its place.
  public init(base: Checkpoint, adapters: [WeightedAdapter], options: OutputOptions)
    throws(CheckpointError)
  {
    for weighted in adapters { try Mergeability.check(weighted.adapter) }
    var merged = MergeBase(base)
    let tied = try merged.part(adapters.map(\.adapter), keepsTied: options.keepsTied)
    for weighted in adapters { try merged.replace(with: weighted.adapter) }
    try merged.settleVocabulary(tied: TiedWeights(merged.checkpoint))
    var draft = MergeDraft(merged, numerics: options.numerics)
    for weighted in Self.ordered(adapters, options.numerics) { try draft.add(weighted) }
    if let tied { try draft.join(tied) }
    plan = try PlanBuilder(
      base: draft.base.checkpoint, options: options, configuration: draft.base.configuration
    ).plan(
      updates: draft.updates,
      findings: base.findings + adapters.flatMap { $0.findings + $0.adapter.findings }
        + draft.base.findings)
    threads = options.threads
  }

  /// Plans `base + scale · B·A` and all else of one adapter.
  public init(
    base: Checkpoint, adapter: Adapter, findings: [Finding] = [], options: OutputOptions
  ) throws(CheckpointError) {
    try self.init(
      base: base, adapters: [WeightedAdapter(adapter, findings: findings)], options: options)
  }

  /// Sums of float32 depend on their order, so in `exact` it is one that the user does
  /// not choose; PEFT merges one after the other.
  private static func ordered(_ adapters: [WeightedAdapter], _ numerics: Numerics)
    -> [WeightedAdapter]
  {
    guard numerics == .exact else { return adapters }
    return adapters.sorted { ($0.adapter.path, $0.weight) < ($1.adapter.path, $1.weight) }
  }
}
