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
    var updates: [ExactName: TensorUpdate] = [:]
    for match in matching.matches {
      let delta = try Self.delta(match, of: adapter, base: base)
      updates[ExactName(match.base.name), default: TensorUpdate(match.base, steps: [])].steps
        .append(UpdateStep(.add(delta), adapter: adapter.path))
    }
    plan = try PlanBuilder(base: base, options: options)
      .plan(updates: updates, findings: base.findings + findings + adapter.findings)
    threads = options.threads
  }

  private static func delta(_ match: BaseMatching.Match, of adapter: Adapter, base: Checkpoint)
    throws(CheckpointError) -> Delta
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
    return Delta(
      .lowRank(b: Factor(b), a: Factor(a)), rank: rank, scale: scale,
      isTransposed: match.isTransposed)
  }
}
