public import Formats

extension RenamingDraft {
  /// Whether anything is other than it was.
  public var hasEffect: Bool {
    kind != nil || !projections.isEmpty || !dropped.isEmpty
      || tensors.contains { $0.origin.map(ExactName.init) != ExactName($0.record.name) }
  }

  /// Throws where a copy would be all that comes of it, as rules that match nothing do.
  public func requireEffect() throws(CheckpointError) {
    guard !hasEffect else { return }
    guard let match else {
      throw CheckpointError(
        path: path,
        "there is nothing to rename: "
          + (tensors.count == 1
            ? "its only name stays as it is" : "its \(tensors.count) names stay as they are"))
    }
    throw CheckpointError(
      path: path,
      "there is nothing to rename: "
        + (match.unplaced.isEmpty
          ? "\(tensors.count == 1 ? "its only name is one" : "its \(tensors.count) names are those") "
            + "of \(match.base) already"
          : "\(match.placed) of \(match.count) names have their place in \(match.base) already, and "
            + "the others have none"),
      details: match.unplaced.isEmpty
        ? [] : ["without a place:"] + FoldedKeys.lines(match.unplaced).map { "  \($0)" },
      fix: match.unplaced.isEmpty
        ? "use it as it is; tenon convert makes a copy" : findings.lazy.compactMap(\.fix).first)
  }
}
