import Formats

extension RenamePreset {
  /// A preset that splits or fuses projections, as many of these as there are.
  init(_ name: String, _ summary: String, recutting directions: [ProjectionDirection]) {
    self.init(name, summary, directions: directions) { (draft, base) throws(CheckpointError) in
      let count = try draft.recut(directions, as: .preset(name))
      try draft.require(count, name, directions, base)
    }
  }

  /// A preset that changes names after that, and does what else it has to at first; `prepare`
  /// returns how many tensors it found for that.
  init(
    _ name: String, _ summary: String, recutting directions: [ProjectionDirection],
    _ rules: [RenameRule],
    prepare: @escaping @Sendable (inout RenamingDraft) throws(CheckpointError) -> Int =
      { (_) throws(CheckpointError) in 0 }
  ) {
    self.init(name, summary, directions: directions) { (draft, _) throws(CheckpointError) in
      let prepared = try prepare(&draft)
      let count = try draft.recut(directions, as: .preset(name))
      try draft.apply(KeyMap(rules), as: .preset(name), isOptional: prepared + count > 0)
    }
  }
}

extension RenamingDraft {
  /// Splits and fuses what there is to be; returns how many projections there were.
  fileprivate mutating func recut(_ directions: [ProjectionDirection], as source: Source)
    throws(CheckpointError) -> Int
  {
    var count = 0
    for direction in directions {
      count +=
        direction.isSplit
        ? try split(direction.step, as: source) : try fuse(direction.step, as: source)
    }
    return count
  }

  /// Throws where a preset found nothing to do, as rules that match nothing do.
  fileprivate func require(
    _ count: Int, _ preset: String, _ directions: [ProjectionDirection], _ base: KeyList?
  ) throws(CheckpointError) {
    guard count == 0 else { return }
    let own = ModuleEndings(names)
    let done = directions.first { $0.to.allSatisfy(own.contains) }
    let opposite = opposite(of: directions, for: base)
    throw CheckpointError(
      path: path,
      "the preset \(preset.quoted) is for "
        + "\(directions.flatMap(\.from).joined(separator: ", ")); "
        + (done.map { "the names have \(Self.list($0.to)) already" }
          ?? "none of the \(tensors.count) names is of such a module"),
      details: done == nil ? ["the names are:"] + FoldedKeys.lines(names).map { "  \($0)" } : [],
      fix: opposite.map { "give --preset \($0) instead: the base has them so" }
        ?? (done == nil ? nil : "leave out --preset \(preset)"))
  }

  /// Whether some name has these segments, one after the other.
  func hasModule(_ path: String) -> Bool {
    let words = path.dottedSegments
    return names.contains { ProjectionTensor($0, words: words, position: 0) != nil }
  }
}
