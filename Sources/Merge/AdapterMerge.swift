import Compute
public import Formats
public import Inspect

/// The merge of one adapter into one model: everything that can be refused is
/// refused by its initialiser.
public struct AdapterMerge: Sendable {
  public let plan: MergePlan
  public let threads: Int

  /// Plans `base + scale · B·A` for every module of `adapter`.
  ///
  /// `findings` are what was noticed when the adapter's files were read.
  public init(
    base: Checkpoint, adapter: Adapter, findings: [Finding] = [], options: OutputOptions
  ) throws(CheckpointError) {
    try Mergeability.check(adapter)
    let matching = BaseMatching(adapter, base: base)
    try matching.requireComplete()
    try Mergeability.checkTies(matching, base: base)
    var deltas: [ExactName: [LowRankDelta]] = [:]
    for match in matching.matches {
      deltas[ExactName(match.base.name), default: []].append(
        try Self.delta(match, of: adapter, base: base))
    }
    plan = try PlanBuilder(base: base, options: options)
      .plan(deltas: deltas, findings: base.findings + findings + adapter.findings)
    threads = options.threads
  }

  private static func delta(_ match: BaseMatching.Match, of adapter: Adapter, base: Checkpoint)
    throws(CheckpointError) -> LowRankDelta
  {
    let module = match.module
    guard let a = module.a, let b = module.b, let rank = module.rank else {
      preconditionFailure("the check lets only complete pairs through")
    }
    guard let scale = module.scale else {
      throw CheckpointError(
        path: adapter.path, tensor: a.name,
        "no file says lora_alpha, and a guess would scale every update wrongly",
        fix: "add --alpha with the lora_alpha of the training")
    }
    guard let type = match.base.type.element, [.bf16, .f16, .f32, .f64].contains(type) else {
      throw CheckpointError(
        path: base.path, tensor: match.base.name,
        "is \(match.base.type.name); an adapter can be merged into BF16, F16, F32 and F64 only")
    }
    return LowRankDelta(
      adapter: adapter.path, a: a, b: b, rank: rank, scale: scale,
      isTransposed: match.isTransposed)
  }
}
