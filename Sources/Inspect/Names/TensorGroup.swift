public import Formats

/// Tensors of one type and shape whose names differ only in numbers.
public struct TensorGroup: Sendable {
  public let pattern: NamePattern
  public let type: TensorType
  public let shape: [Int]
  /// The positions of the tensors in the list that was folded, ascending.
  public let members: [Int]
  /// The bytes of all of them together.
  public let byteCount: Int

  public var count: Int { members.count }

  /// The tensors grouped by pattern, type and shape, in natural order; each is in
  /// one group.
  public static func fold(_ records: [TensorRecord]) -> [TensorGroup] {
    struct Kind: Hashable {
      let type: TensorType
      let shape: [Int]
    }
    var kinds: [Kind: Int] = [:]
    let kindOf = records.map { record in
      let kind = Kind(type: record.type, shape: record.shape)
      if let known = kinds[kind] { return known }
      kinds[kind] = kinds.count
      return kinds.count - 1
    }
    return NameFolding.fold(records.map(\.name), kinds: kindOf).map { folded in
      let first = records[folded.members[0]]
      return TensorGroup(
        pattern: folded.pattern, type: first.type, shape: first.shape, members: folded.members,
        byteCount: first.byteCount.saturatingProduct(folded.members.count))
    }
  }
}
