public import Formats
public import Inspect

/// An adapter and how much of it is to be added.
public struct WeightedAdapter: Sendable {
  public var adapter: Adapter
  public var weight: Double
  /// What was noticed when its files were read.
  public var findings: [Finding]
  /// The configuration of the whole model that lies beside the adapter and counts
  /// instead of the base's: LLaVA's training builds a model around the base.
  public var configuration: SideFile?
  /// Whether it is all that its file holds, not what the user chose of it.
  public var isWhole = true

  public init(_ adapter: Adapter, weight: Double = 1, findings: [Finding] = []) {
    self.adapter = adapter
    self.weight = weight
    self.findings = findings
  }

  /// The adapter of `source`, which holds it.
  public init(_ adapter: Adapter, weight: Double, from source: Checkpoint) {
    self.init(adapter, weight: weight, findings: source.findings)
    if adapter.kind == .llavaAdapter { configuration = source.sideFile("config.json") }
  }

  /// The same with the names of the base, where the two are of different layouts, and with
  /// one tensor for both of `tied`, where they are one for the adapter.
  func fitted(to base: Checkpoint, tied: TiedWeights?) throws(CheckpointError) -> WeightedAdapter {
    let (adapter, finding) = adapter.relaid(onto: base, tied: tied)
    var copy = self
    copy.adapter = try tied?.joined(adapter) ?? adapter
    // Of another layout the names of the configuration are too.
    if let finding {
      copy.findings.append(finding)
    } else if isWhole {
      copy.findings += adapter.missingTargets(in: base)
    }
    return copy
  }

  /// The same with the biases that `base`, where tied tensors are parted, has names for.
  func folded(onto base: Checkpoint, tied: TiedWeights?) throws(CheckpointError) -> WeightedAdapter
  {
    var copy = self
    copy.adapter = try adapter.foldingBias(onto: base, tied: tied)
    return copy
  }

  /// The same with what PEFT would read of it.
  func asReadByPEFT() -> WeightedAdapter {
    var copy = self
    copy.adapter = adapter.asReadByPEFT()
    return copy
  }
}
