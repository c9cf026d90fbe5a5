import Formats

extension RenamePreset {
  /// A preset that splits projections, as many of these as there are.
  init(_ name: String, _ summary: String, splitting steps: [ProjectionStep]) {
    let directions = steps.map { ProjectionDirection(step: $0, isSplit: true) }
    self.init(name, summary, directions: directions) { (draft, base) throws(CheckpointError) in
      var count = 0
      for step in steps { count += try draft.split(step, as: .preset(name)) }
      try draft.require(count, name, directions, base)
    }
  }

  /// A preset that fuses projections.
  init(_ name: String, _ summary: String, fusing step: ProjectionStep) {
    let directions = [ProjectionDirection(step: step, isSplit: false)]
    self.init(name, summary, directions: directions) { (draft, base) throws(CheckpointError) in
      let count = try draft.fuse(step, as: .preset(name))
      try draft.require(count, name, directions, base)
    }
  }
}

extension RenamingDraft {
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
