public import Formats
public import Inspect

/// An adapter and how much of it is to be added.
public struct WeightedAdapter: Sendable {
  public var adapter: Adapter
  public var weight: Double
  /// What was noticed when its files were read.
  public var findings: [Finding]

  public init(_ adapter: Adapter, weight: Double = 1, findings: [Finding] = []) {
    self.adapter = adapter
    self.weight = weight
    self.findings = findings
  }
}
