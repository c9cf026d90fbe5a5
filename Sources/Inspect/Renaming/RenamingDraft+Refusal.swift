import Formats

/// Why `--to-match` gives up rather than guess, and what settles it.
extension RenamingDraft {
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
