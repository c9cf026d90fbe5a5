import Formats

/// Why `--to-match` gives up rather than guess, and what settles it.
extension RenamingDraft {
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
    let isByShape = open.map { $0.places.count == 1 }
    let reason =
      switch (isByShape.contains(true), isByShape.contains(false)) {
      case (_, false):
        "\(count == 1 ? "name has" : "names have") a place in \(base.path) only because no other "
          + "is left, which is no proof"
      case (false, _):
        "\(count == 1 ? "name" : "names") could be more than one of \(base.path), and nothing tells "
          + "which"
      case (true, true):
        "names have no sure place in \(base.path): some could be more than one of its names, and "
          + "for the others one is left, which is no proof"
      }
    throw CheckpointError(
      path: path, "\(count) \(reason)", details: details + FoldedKeys.rest(open.count, "patterns"),
      fix: "say it yourself with \(Self.example(open, matching)); --to-match finds the rest")
  }

  /// The option that settles the first of the open names whose module keeps its name in one
  /// of its places alone, which none of the others could have.
  private static func example(_ open: [(name: Int, places: [Int])], _ matching: NameMatching)
    -> String
  {
    let likely = open.lazy.compactMap { name, places -> NameMatching.Pair? in
      let pairs = places.compactMap { matching.pair(name, $0) }
        .filter { MatchEvidence.keepsModule($0.alignment) }
      guard pairs.count == 1, let pair = pairs.first,
        open.count(where: { $0.places.contains(pair.base) }) == 1
      else { return nil }
      return pair
    }
    guard let pair = likely.first,
      let rules = RuleSynthesis.rules(
        for: [pair.alignment.steps]
          + matching.names.indices.filter { $0 != pair.name }.map { index in
            matching.names[index].parts.map { .init(old: [$0], new: [$0]) }
          }), rules.count == 1
    else { return "--rename" }
    return "--rename, as \(shellQuoted(rules[0].description))"
  }

  func refuseShifted(_ matching: NameMatching, base: KeyList) throws(CheckpointError) {
    let shifted = matching.shifted
    guard !shifted.isEmpty else { return }
    func text(_ shape: NameShape) -> String {
      FoldedKeys.lines(shape.members.keys.map { NameShape.name(shape.parts, $0) })
        .joined(separator: ", ")
    }
    let details = shifted.prefix(FoldedKeys.maximumLineCount).map {
      "\(text(matching.names[$0.name])) → \(text(matching.base[$0.base]))"
    }
    let count = shifted.reduce(0) { $0 + matching.names[$1.name].members.count }
    throw CheckpointError(
      path: path,
      "\(count) \(count == 1 ? "name is" : "names are") of other layers than those of "
        + "\(base.path), and nothing tells which is which",
      details: details + FoldedKeys.rest(shifted.count, "patterns"),
      fix: "say it yourself with --rename; --to-match finds the rest")
  }

  func littleFits(_ base: KeyList, placed: Int, unplaced: [String]) -> CheckpointError {
    CheckpointError(
      path: path,
      "only \(placed) of \(placed + unplaced.count) names have a place in \(base.path), too few "
        + "to call the rest of it a renaming",
      details: ["without a place:"] + FoldedKeys.lines(unplaced).map { "  \($0)" })
  }

  func nothingFits(_ base: KeyList, _ subjects: [MatchSubject]) -> CheckpointError {
    CheckpointError(
      path: path,
      "none of the \(subjects.count) names has a place in \(base.path) by its words and its shape",
      details: ["the names are:"] + FoldedKeys.lines(subjects.map(\.path)).map { "  \($0)" }
        + ["the base has:"] + FoldedKeys.lines(base.names).map { "  \($0)" })
  }

  func noRules(_ base: KeyList) -> CheckpointError {
    CheckpointError(
      path: path, "each name has a place in \(base.path), but no list of rules leads there")
  }
}
