public import Formats

/// What rules did to names: each is in exactly one of `kept`, `renamed`, `clashes`
/// and `emptied`.
public struct Renaming: Sendable {
  /// A name before and after.
  public struct Change: Sendable, Hashable {
    public let from: String
    public let to: String

    public init(from: String, to: String) {
      self.from = from
      self.to = to
    }
  }

  /// Several names that became one.
  public struct Clash: Sendable, Hashable {
    public let name: String
    public let from: [String]
  }

  /// The new names, in the order of the old ones.
  public let results: [String]
  /// The names that are as they were.
  public private(set) var kept: [String] = []
  public private(set) var renamed: [Change] = []
  public private(set) var clashes: [Clash] = []
  /// The names of which nothing is left.
  public private(set) var emptied: [String] = []
  /// The number of names that each rule matched.
  public let ruleCounts: [Int]

  public init(of names: [String], to results: [String], ruleCounts: [Int] = []) {
    precondition(names.count == results.count, "each name has a result")
    self.results = results
    self.ruleCounts = ruleCounts
    var sources: [ExactName: [Int]] = [:]
    for position in results.indices {
      sources[ExactName(results[position]), default: []].append(position)
    }
    for position in results.indices {
      let alike = sources[ExactName(results[position])] ?? []
      if results[position].isEmpty {
        emptied.append(names[position])
      } else if alike.count > 1 {
        guard alike[0] == position else { continue }
        clashes.append(Clash(name: results[position], from: alike.map { names[$0] }))
      } else if ExactName(names[position]) == ExactName(results[position]) {
        kept.append(names[position])
      } else {
        renamed.append(Change(from: names[position], to: results[position]))
      }
    }
  }

  /// Throws where the result could not be written: names that clash or are empty.
  public func requireDistinct(path: String) throws(CheckpointError) {
    if !emptied.isEmpty {
      throw CheckpointError(
        path: path, tensor: emptied.count == 1 ? emptied[0] : nil,
        emptied.count == 1
          ? "nothing would be left of its name" : "nothing would be left of \(emptied.count) names",
        details: emptied.count == 1 ? [] : FoldedKeys.lines(emptied))
    }
    guard !clashes.isEmpty else { return }
    let clashes = NaturalOrder.sorted(clashes, by: \.name)
    let count = clashes.reduce(0) { $0 + $1.from.count }
    throw CheckpointError(
      path: path,
      "\(count) names would become \(clashes.count); expected a name of its own for each tensor",
      details: clashes.prefix(FoldedKeys.maximumLineCount).map { clash in
        "\(NaturalOrder.sorted(clash.from).map(\.printable).joined(separator: ", ")) → \(clash.name.printable)"
      } + FoldedKeys.rest(clashes.count, "names"))
  }

  /// The changes grouped: names that differ only in numbers, before and after, are
  /// one pattern.
  public var patterns: [RenamePattern] { RenamePattern.fold(renamed) }
}

/// Many changes that differ only in numbers, as one.
public struct RenamePattern: Sendable, Hashable {
  /// `layers.{0..31}.attention.wo.weight`
  public let from: String
  /// `model.layers.{0..31}.self_attn.o_proj.weight`
  public let to: String
  public let changes: [Renaming.Change]

  public var count: Int { changes.count }
  /// The first of the changes.
  public var examples: [Renaming.Change] { Array(changes.prefix(FoldedKeys.exampleCount)) }

  /// What the names of one pattern have in common: the text of the new one, and by how much
  /// each of its numbers is another than the old one's.
  private struct Kind: Hashable {
    let text: [UInt8]
    let shifts: [Int]?

    init(_ change: Renaming.Change) {
      let (old, new) = (NameTemplate(change.from).numbers, NameTemplate(change.to))
      text = new.text
      shifts = old.count == new.numbers.count ? zip(new.numbers, old).map { $0 - $1 } : nil
    }
  }

  /// The changes grouped by pattern, in order of first appearance.
  public static func fold(_ changes: [Renaming.Change]) -> [RenamePattern] {
    var kinds: [Kind: Int] = [:]
    let kindOf = changes.map { change in
      let kind = Kind(change)
      if let known = kinds[kind] { return known }
      kinds[kind] = kinds.count
      return kinds.count - 1
    }
    return NameFolding.fold(changes.map(\.from), kinds: kindOf).map { folded in
      let members = NaturalOrder.sorted(folded.members.map { changes[$0] }, by: \.from)
      let targets = FoldedKeys.fold(members.map(\.to))
      return RenamePattern(
        from: folded.pattern.description,
        to: targets.map(\.pattern.description).joined(separator: ", "), changes: members)
    }
  }
}

extension FoldedKeys {
  /// The number of lines that a message spells out.
  static let maximumLineCount = 12

  /// The names grouped by pattern, one a line, not too many of them.
  public static func lines(_ names: [String]) -> [String] {
    let folded = fold(names).map(\.description)
    return folded.prefix(maximumLineCount) + rest(folded.count, "patterns")
  }

  /// The line that tells how many are not spelt out.
  static func rest(_ count: Int, _ noun: String) -> [String] {
    count > maximumLineCount ? ["… and \(count - maximumLineCount) more \(noun)"] : []
  }
}
