public import Compute
public import Formats
import Inspect

/// What a merge did, or would do.
public struct MergeReport: Sendable {
  /// One updated tensor.
  public struct Target: Sendable {
    /// The module, or the tensor's name without `.weight`.
    public var target: String
    public var tensor: String
    /// Nil for methods without a rank or a scale, and where adapters have different ones.
    public var rank: Int?
    public var scale: Double?
    public var adapters: [String]
    /// ‖ΔW‖ / ‖W‖; nil before the merge and where W is zero.
    public var relativeUpdate: Double?
    /// The share of ΔW that survived the rounding to the output type.
    public var kept: Double?
  }

  public var targets: [Target]
  public var replaced: [String]
  /// Tensors that went out as they came in, and their bytes.
  public var copied: Int
  public var untouchedBytes: Int
  /// Tensors that were only converted to another type.
  public var converted: Int
  public var byteCount: Int
  public var files: [String]
  public var memory: Int
  public var findings: [Finding]
  /// Over all targets together.
  public var total: UpdateStatistics?

  /// The report of a merge with the statistics of its execution and what its conversions
  /// could not keep, which are empty before it.
  public init(
    _ merge: AdapterMerge, statistics: Execution.Statistics,
    losses: [(name: String, losses: ConversionLosses)] = []
  ) {
    let plan = merge.plan
    var byName: [String: UpdateStatistics] = [:]
    for entry in statistics { byName[entry.name] = entry.statistics }
    targets = []
    replaced = []
    copied = 0
    untouchedBytes = 0
    converted = 0
    for tensor in plan.tensors {
      if tensor.isReplacement { replaced.append(tensor.name) }
      switch tensor.operation {
      case .copy where tensor.isReplacement: break
      case .cast where tensor.isReplacement: break
      case .copy:
        copied += 1
        untouchedBytes += tensor.byteCount
      case .cast: converted += 1
      case .update(let update) where update.isOfScales: break
      case .update(let update):
        targets.append(Self.target(tensor.name, update, byName[tensor.name]))
      }
    }
    byteCount = plan.byteCount
    files = plan.files.map(\.name)
    memory = plan.memory.total(workers: merge.threads)
    findings =
      plan.findings + Self.findings(about: statistics, of: plan.tensors)
      + Self.conversionLosses(losses)
    if !statistics.isEmpty {
      total = statistics.reduce(into: UpdateStatistics()) { $0.combine($1.statistics) }
    }
  }

  /// What all sums have alike.
  private static func common<Value: Equatable>(_ values: [Value?]) -> Value? {
    guard let first = values.first, values.allSatisfy({ $0 == first }) else { return nil }
    return first
  }

  private static func target(
    _ name: String, _ update: TensorUpdate, _ statistics: UpdateStatistics?
  ) -> Target {
    let deltas = update.steps.compactMap { step in
      if case .add(let delta) = step.action { delta } else { nil }
    }
    var adapters: [String] = []
    for step in update.steps where !adapters.contains(step.adapter) {
      adapters.append(step.adapter)
    }
    return Target(
      target: name.hasSuffix(".weight") ? String(name.dropLast(".weight".count)) : name,
      tensor: name, rank: common(deltas.map(\.rank)), scale: common(deltas.map(\.scale)),
      adapters: adapters,
      relativeUpdate: statistics?.relativeUpdate,
      kept: statistics?.keptShare.map { min(1, max(0, $0)) })
  }
}
