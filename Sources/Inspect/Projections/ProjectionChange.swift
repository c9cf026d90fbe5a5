/// Modules of which the projections were split or fused by one step.
public struct ProjectionChange: Sendable, Hashable {
  public let source: RenamingDraft.Source
  /// What the paths of the modules ended with: one name, or those of the parts.
  public let from: [String]
  public let to: [String]
  /// The number of wholes.
  public let moduleCount: Int

  public var isSplit: Bool { from.count == 1 && to.count > 1 }
  /// Whether nothing was split or fused: the rows are in another order.
  public var isReordering: Bool { from.count == 1 && to.count == 1 }
}
