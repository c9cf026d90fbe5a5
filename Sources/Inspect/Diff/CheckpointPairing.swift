public import Formats

/// The tensors of two checkpoints, paired by name.
///
/// Every tensor is in exactly one of `onlyInA`, `onlyInB` and `pairs`.
public struct CheckpointPairing: Sendable {
  /// Two tensors of one name.
  public struct Pair: Sendable {
    /// The name in B, and in A after its renaming.
    public let name: String
    public let a: TensorRecord
    public let b: TensorRecord

    /// What their headers alone show.
    public var headerDifference: HeaderDifference? {
      if a.shape != b.shape { return .shape }
      return a.type == b.type ? nil : .type
    }
  }

  /// A difference that no data has to be read for.
  public enum HeaderDifference: Sendable, Hashable {
    case shape, type
  }

  /// In the order of A.
  public let onlyInA: [Named]
  /// In the order of B.
  public let onlyInB: [Named]
  /// In the order of A.
  public let pairs: [Pair]

  /// A tensor under the name that it is compared by.
  public struct Named: Sendable {
    public let name: String
    public let record: TensorRecord
  }

  /// Pairs the tensors of `a` with those of `b`.
  ///
  /// `names` are what the tensors of `a` are called here, in their order; nil
  /// where they keep their names. No two of them may be the same.
  public init(_ a: Checkpoint, _ b: Checkpoint, names: [String]? = nil) {
    let names = names ?? a.records.map(\.name)
    precondition(names.count == a.records.count, "\(names.count) names")
    let positions = b.positions()
    var onlyInA: [Named] = []
    var pairs: [Pair] = []
    var isPaired = [Bool](repeating: false, count: b.records.count)
    for (name, record) in zip(names, a.records) {
      if let position = positions[name] {
        isPaired[position] = true
        pairs.append(Pair(name: name, a: record, b: b.records[position]))
      } else {
        onlyInA.append(Named(name: name, record: record))
      }
    }
    self.onlyInA = onlyInA
    self.pairs = pairs
    onlyInB = b.records.indices.filter { !isPaired[$0] }.map {
      Named(name: b.records[$0].name, record: b.records[$0])
    }
  }
}
