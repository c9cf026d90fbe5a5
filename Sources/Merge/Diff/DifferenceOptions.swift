public import Compute

/// How two checkpoints are to be compared.
public struct DifferenceOptions: Sendable {
  /// Names, types and shapes only; no data is read.
  public var isHeadersOnly = false
  public var tolerance = Tolerance.exact
  /// Types that hold the same values are no difference.
  public var ignoresTypes = false
  /// Look for tensors that are in the other under another name.
  public var findsMoved = false
  public var threads = 1

  public init() {}
}
