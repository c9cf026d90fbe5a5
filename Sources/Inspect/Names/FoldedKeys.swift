import Formats

/// Keys that differ only in numbers, told as one: how messages speak of many.
public struct FoldedKeys: Sendable, Hashable {
  /// `layers.{0..31}.self_attn.q_proj.weight`.
  public let pattern: NamePattern
  /// The keys in natural order.
  public let keys: [String]

  /// The number of keys.
  public var count: Int { keys.count }
  /// The first of them.
  public var examples: [String] { Array(keys.prefix(Self.exampleCount)) }

  /// The number of examples and of patterns that a sentence names.
  public static let exampleCount = 3

  /// The keys grouped by pattern, in natural order; each key is in one group.
  public static func fold(_ keys: [String]) -> [FoldedKeys] {
    NameFolding.fold(keys).map { folded in
      FoldedKeys(
        pattern: folded.pattern, keys: NaturalOrder.sorted(folded.members.map { keys[$0] }))
    }
  }
}

extension FoldedKeys {
  /// How a sentence speaks of some keys: `module "a.b"`, or
  /// `32 modules (layers.{0..31}.q_proj)` with up to three patterns.
  public static func summary(of keys: [String], _ noun: String) -> String {
    if keys.count == 1 { return "\(noun) \(keys[0].quoted)" }
    let folded = fold(keys)
    var patterns = folded.prefix(exampleCount).map { $0.pattern.description.printable }
    if folded.count > exampleCount { patterns.append("…") }
    return "\(keys.count) \(noun)s (\(patterns.joined(separator: ", ")))"
  }
}

extension FoldedKeys: CustomStringConvertible {
  /// The pattern, and the count where it is more than one.
  public var description: String {
    count == 1 ? pattern.description.printable : "\(pattern.description.printable) ×\(count)"
  }
}
