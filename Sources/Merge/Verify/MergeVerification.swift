import Compute
public import Formats
import Inspect

/// The question whether a merged model is round(base + Σ scale · ΔW), planned by the
/// headers of all.
public struct MergeVerification: Sendable {
  /// What the user asked.
  public struct Options: Sendable {
    /// The numerics to compare with; nil finds those that were used.
    public var numerics: Numerics?
    /// Whether an adapter on one of two tied embeddings is expected in both, as PEFT
    /// does; so it is where the merged model has but one.
    public var keepsTied = false
    public var threads = 1
    /// The most bytes that the comparison may hold.
    public var maximumMemory = OutputOptions.defaultMaximumMemory

    public init() {}
  }

  let options: Options
  /// What is compared, in the order of the plan.
  let candidates: [VerificationCandidates]
  /// What the headers alone show.
  let changes: [VerificationReport.Change]
  let findings: [Finding]
  /// The targets that cannot be compared.
  let unmatched: [PlannedTensor]
  let blocks: BlockSize
  let scratch: VerificationScratch.Sizes

  /// Pairs what `makePlan` makes of `base` with `merged`.
  public init(
    base: Checkpoint, merged: Checkpoint, options: Options,
    makePlan: (OutputOptions) throws(CheckpointError) -> MergePlan
  ) throws(CheckpointError) {
    self.options = options
    let (merged, renaming) = merged.named(like: base)
    let tied = try TiedWeights(base)
    let others = Set((tied?.others ?? []).map(ExactName.init))
    let isJoined =
      !others.isEmpty && tied?.otherOutput(in: merged) == nil
      && !merged.records.contains { others.contains(ExactName($0.name)) }
    let plans = try Self.plans(base, options, isJoined: isJoined, makePlan)
    let planned = plans[0].plan.tensors
    findings = plans[0].plan.findings + [renaming].compactMap(\.self)
    let pairing = try MergedPairing(planned, base: base, merged: merged, tied: tied)
    changes = pairing.changes
    candidates = Self.candidates(pairing, plans, base)
    let compared = Set(candidates.map { ExactName($0.name) })
    unmatched = planned.filter { $0.isTarget && !compared.contains(ExactName($0.name)) }
    (blocks, scratch) = try Self.fit(candidates, plans.map(\.plan), options, path: merged.path)
    guard candidates.contains(where: \.isTarget) else {
      throw Self.nothingToCompare(planned, base, merged)
    }
  }

  private typealias Plans = [(numerics: Numerics, plan: MergePlan)]

  /// `isJoined` tells that the merged model has only one of two tied embeddings, which
  /// can then be expected to have the change of both; unless one is replaced.
  private static func plans(
    _ base: Checkpoint, _ options: Options, isJoined: Bool,
    _ makePlan: (OutputOptions) throws(CheckpointError) -> MergePlan
  ) throws(CheckpointError) -> Plans {
    guard isJoined, !options.keepsTied else { return try plans(base, options, makePlan) }
    var joined = options
    joined.keepsTied = true
    do throws(CheckpointError) {
      return try plans(base, joined, makePlan)
    } catch {
      return try plans(base, options, makePlan)
    }
  }

  private static func plans(
    _ base: Checkpoint, _ options: Options,
    _ makePlan: (OutputOptions) throws(CheckpointError) -> MergePlan
  ) throws(CheckpointError) -> Plans {
    // Nothing is written; the format only has to have the base's types.
    var output = OutputOptions(
      format: base.format == .safetensors ? .safetensors : base.format == .hdf5 ? .hdf5 : .pytorch,
      maximumMemory: options.maximumMemory, threads: options.threads,
      isSingleFile: base.components.isEmpty)
    output.keepsTied = options.keepsTied
    var plans: Plans = []
    var refusal: CheckpointError?
    for numerics in options.numerics.map({ [$0] }) ?? Numerics.allCases {
      output.numerics = numerics
      do throws(CheckpointError) {
        plans.append((numerics, try makePlan(output)))
      } catch {
        // Adapters whose order counts have a merge in PEFT's numerics alone.
        refusal = refusal ?? error
      }
    }
    if plans.isEmpty, let refusal { throw refusal }
    return plans
  }

  private static func candidates(_ pairing: MergedPairing, _ plans: Plans, _ base: Checkpoint)
    -> [VerificationCandidates]
  {
    let positions = base.positions()
    let byName = plans.map { entry in
      Dictionary(
        entry.plan.tensors.map { (ExactName($0.name), $0) }, uniquingKeysWith: { first, _ in first }
      )
    }
    return pairing.pairs.map { pair in
      VerificationCandidates(
        name: pair.name, merged: pair.merged,
        base: positions[pair.name].map { base.records[$0] },
        planned: zip(plans, byName).compactMap { plan, tensors in
          tensors[ExactName(pair.name)].map { (plan.numerics, $0) }
        })
    }
  }

  /// The largest blocks that fit into the memory that the user allows.
  private static func fit(
    _ candidates: [VerificationCandidates], _ plans: [MergePlan], _ options: Options, path: String
  ) throws(CheckpointError) -> (BlockSize, VerificationScratch.Sizes) {
    var shared = plans.map(\.memory.shared).max() ?? 0
    let gathered = candidates.map {
      $0.merged.gatheredByteCount + ($0.first.base?.gatheredByteCount ?? 0)
    }
    shared += 2 * (gathered.max() ?? 0)
    var blocks = plans[0].blocks
    while true {
      var sizes = VerificationScratch.Sizes()
      for candidate in candidates.flatMap(\.all) {
        sizes.include(candidate.tensor, blocks: blocks)
      }
      let needed = MemoryEstimate(perWorker: sizes.byteCount, shared: shared)
        .total(workers: options.threads)
      if needed <= options.maximumMemory { return (blocks, sizes) }
      guard let smaller = blocks.smaller else {
        throw CheckpointError(
          path: path,
          "needs \(needed) bytes of memory with \(options.threads) threads; "
            + "--max-memory allows \(options.maximumMemory)",
          fix: "raise --max-memory or lower --threads")
      }
      blocks = smaller
    }
  }
}
