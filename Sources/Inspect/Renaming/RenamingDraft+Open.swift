import Formats

/// Names that have no sure place: why, and what settles it.
extension RenamingDraft {
  private typealias Open = (name: Int, places: [Int])

  func refuseOpen(_ matching: NameMatching, base: KeyList) throws(CheckpointError) {
    let open = matching.open
    guard !open.isEmpty else { return }
    func text(_ shape: NameShape) -> String {
      let numbers = shape.members.keys.min { $0.lexicographicallyPrecedes($1) } ?? []
      return NameShape.name(shape.parts, numbers).printable
    }
    let details = open.prefix(FoldedKeys.maximumLineCount).map { name, candidates in
      let shown = candidates.prefix(4).map { text(matching.base[$0]) }
      let rest = candidates.count - shown.count
      return "\(text(matching.names[name])) → \(shown.joined(separator: " or "))"
        + (rest > 0 ? " or \(rest) more" : "")
    }
    let count = open.reduce(0) { $0 + matching.names[$1.name].members.count }
    let rules = Self.examples(open, matching).map { shellQuoted($0.description) }
    throw CheckpointError(
      path: path, "\(count) \(Self.reason(open, count, base.path))",
      details: details + FoldedKeys.rest(open.count, "patterns"),
      fix: "say it yourself with --rename"
        + (rules.isEmpty ? "" : ", as \(rules.joined(separator: " or "))")
        + "; --to-match finds the rest")
  }

  /// What is not known of a name.
  private enum Doubt: Int { case severalPlaces, sharedPlace, lastPlace }

  private static func doubt(_ entry: Open, _ open: [Open]) -> Doubt {
    guard entry.places.count == 1 else { return .severalPlaces }
    let rivals = open.filter { !Set($0.places).isDisjoint(with: entry.places) }
    return rivals.count > 1 ? .sharedPlace : .lastPlace
  }

  private static func reason(_ open: [Open], _ count: Int, _ base: String) -> String {
    let doubts = Set(open.map { doubt($0, open) })
    if doubts == [.lastPlace] {
      return "\(Wording.verb(count, "name has", "names have")) a place in \(base) only because no "
        + "other is left, which is no proof"
    }
    if doubts == [.severalPlaces] {
      return "\(Wording.verb(count, "name", "names")) could be more than one of \(base), and "
        + "nothing tells which"
    }
    let parts: [Doubt: String] = [
      .severalPlaces: "some could be more than one of its names",
      .sharedPlace: "some could be the same one of its names",
      .lastPlace: "for the others one is left, which is no proof",
    ]
    return "names have no sure place in \(base): "
      + doubts.sorted { $0.rawValue < $1.rawValue }.compactMap { parts[$0] }
      .joined(separator: ", and ")
  }

  /// The rule that settles the first of the open names whose module keeps its name in one of
  /// its places alone, which none of the others could have; else those between which the
  /// first name leaves the choice.
  private static func examples(_ open: [Open], _ matching: NameMatching) -> [RenameRule] {
    let likely = open.lazy.compactMap { name, places -> NameMatching.Pair? in
      let pairs = places.compactMap { matching.pair(name, $0) }
        .filter { MatchEvidence.keepsModule($0.alignment) }
      guard pairs.count == 1, let pair = pairs.first,
        open.count(where: { $0.places.contains(pair.base) }) == 1
      else { return nil }
      return pair
    }
    if let rule = likely.first.flatMap({ Self.rule($0, matching) }) { return [rule] }
    guard let first = open.first, let place = first.places.first else { return [] }
    let choices =
      doubt(first, open) == .sharedPlace
      ? open.filter { $0.places.contains(place) }.compactMap { matching.pair($0.name, place) }
      : first.places.compactMap { matching.pair(first.name, $0) }
    return choices.prefix(maximumChoiceCount).compactMap { rule($0, matching) }
  }

  private static let maximumChoiceCount = 2

  /// The one rule that makes the name of the pair that of its place, and changes no other.
  private static func rule(_ pair: NameMatching.Pair, _ matching: NameMatching) -> RenameRule? {
    let others = matching.names.indices.filter { $0 != pair.name }.map { index in
      matching.names[index].parts.map { NameAlignment.Step(old: [$0], new: [$0]) }
    }
    guard let rules = RuleSynthesis.rules(for: [pair.alignment.steps] + others), rules.count == 1
    else { return nil }
    return rules[0]
  }
}
