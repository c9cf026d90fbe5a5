public import Compute
public import Formats

/// How two tensors of one name differ.
public struct TensorDifference: Sendable {
  public enum Reason: String, Sendable, Hashable, CaseIterable {
    case shape, dtype, values
  }

  public let name: String
  public let reason: Reason
  public let a: TensorRecord
  public let b: TensorRecord
  /// Nil where values were not compared: the shapes differ, or nobody asked.
  public let values: ValueDifference?
}

/// What the values of two tensors of one shape are to each other.
public struct ValueDifference: Sendable, Equatable {
  /// The number of elements; a complex one counts as two.
  public let count: Int
  /// How many of them differ.
  public let differing: Int
  /// The rest as numbers; nil for types that have none that Tenon knows (4 and 6
  /// bits, quantised, complex of 128 bits).
  public let comparison: ValueComparison?
}

extension ValueDifference {
  static let none = ValueDifference(count: 0, differing: 0, comparison: ValueComparison())

  /// The difference of these elements and of those that follow.
  func combined(with next: Self) -> Self {
    var sum = comparison
    if let more = next.comparison { sum?.combine(more) } else { sum = nil }
    return ValueDifference(
      count: count + next.count, differing: differing + next.differing, comparison: sum)
  }
}

/// What two checkpoints have in common and what they do not.
public struct CheckpointDifference: Sendable {
  public let onlyInA: [TensorRecord]
  public let onlyInB: [TensorRecord]
  /// In the order of A.
  public let different: [TensorDifference]
  /// How many tensors are the same in both.
  public let equal: Int
  /// Tensors whose content is in the other under another name.
  public internal(set) var moved: [Move] = []
  /// Whether values were compared.
  public let hasValues: Bool

  /// A tensor of A and one of B with the same type, shape and bytes.
  public struct Move: Sendable, Hashable {
    public let a: String
    public let b: String
  }

  /// Whether nothing differs.
  public var isSame: Bool { onlyInA.isEmpty && onlyInB.isEmpty && different.isEmpty }
}
