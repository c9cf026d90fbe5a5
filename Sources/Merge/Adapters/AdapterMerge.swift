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
    for weighted in adapters where weighted.adapter.kind == .wrappedCheckpoint {
      throw CheckpointError(
        path: weighted.adapter.path, "holds a base of its own; expected an adapter",
        fix: "tenon merge \(shellQuoted(weighted.adapter.path)) -o OUT")
    }
    try self.init(
      MergeBase(base, numerics: options.numerics), adapters, options: options)
  }

  /// Plans a checkpoint that holds base and adapters with the adapters in the base;
  /// `findings` are what was noticed when it was read.
  public init(_ wrapped: WrappedCheckpoint, findings: [Finding] = [], options: OutputOptions)
    throws(CheckpointError)
  {
    var base = MergeBase(wrapped.base, numerics: options.numerics)
    for (field, off) in wrapped.switches {
      base.edit(
        ConfigurationEdit(field, off),
        Finding(
          .note, .configMismatch,
          off == nil
            ? "\(field) is removed from config.json, as the LoRA that it switches on is merged"
            : "\(field) of config.json becomes 0, as the LoRA that it switches on is merged"))
    }
    for finding in findings { base.note(finding) }
    try self.init(base, wrapped.adapters.map { WeightedAdapter($0) }, options: options)
  }

  private init(_ base: MergeBase, _ given: [WeightedAdapter], options: OutputOptions)
    throws(CheckpointError)
  {
    if options.type == .f8e8m0 {
      throw CheckpointError(
        path: base.checkpoint.path,
        "F8_E8M0 holds positive powers of two alone, which are scales and no weights; expected "
          + "another --dtype for a merge",
        fix: "leave out --dtype")
    }
    try base.checkpoint.requireDistinctNames()
    for weighted in given { try Mergeability.checkTargets(weighted.adapter) }
    let pair = try TiedWeights(base.checkpoint, for: given.map(\.adapter))
    var adapters = try given.map { (weighted) throws(CheckpointError) in
      try weighted.fitted(to: base.checkpoint, tied: pair)
    }
    for weighted in adapters {
      try weighted.findings.requireDistinctNames(path: weighted.adapter.path)
      try Mergeability.check(weighted.adapter)
      try Mergeability.checkProjector(of: weighted, onto: base.checkpoint)
    }
    // PEFT loads the copy that the second of several brings over what the first did.
    if options.numerics == .exact || adapters.count == 1 {
      adapters = try adapters.map { (weighted) throws(CheckpointError) in
        try weighted.withoutCopies(of: base.checkpoint)
      }
    }
    var merged = base
    try merged.replicateLayers(for: adapters)
    let tied = try pair.flatMap { (pair) throws(CheckpointError) in
      try merged.part(pair, by: adapters.map(\.adapter), keepsTied: options.keepsTied)
    }
    adapters = try adapters.map { (weighted) throws(CheckpointError) in
      try weighted.folded(onto: merged.checkpoint, tied: pair)
    }
    if options.numerics == .peft { adapters = adapters.map { $0.asReadByPEFT() } }
    for weighted in adapters { try merged.replace(with: weighted) }
    if let pair { try merged.resizeOutput(of: pair, with: adapters.map(\.adapter)) }
    try merged.settleVocabulary(tied: TiedWeights(merged.checkpoint))
    try merged.settleHeads(of: adapters.map(\.adapter))
    if !options.isSingleFile || options.format.carriesDocuments {
      merged.takeTokenizer(from: adapters)
    }
    merged.noteLostPLoRA(of: adapters.map(\.adapter))
    var draft = MergeDraft(merged, numerics: options.numerics)
    for weighted in Self.ordered(adapters, options.numerics) { try draft.add(weighted) }
    if let tied { draft.join(tied) }
    try draft.fitScales()
    plan = try PlanBuilder(
      base: draft.base.checkpoint, options: options, configuration: draft.base.configuration
    ).plan(
      updates: draft.updates,
      findings: base.checkpoint.findings
        + adapters.flatMap { $0.findings + $0.warnings + $0.adapter.findings }
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
