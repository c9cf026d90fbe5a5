import Formats

extension RenamePreset {
  /// A preset that splits projections, as many of these as there are.
  init(_ name: String, _ summary: String, splitting steps: [ProjectionStep]) {
    self.init(name, summary) { (draft, _) throws(CheckpointError) in
      var count = 0
      for step in steps { count += try draft.split(step, as: .preset(name)) }
      try draft.require(count, name, ends: steps.map(\.fused))
    }
  }

  /// A preset that fuses projections.
  init(_ name: String, _ summary: String, fusing step: ProjectionStep) {
    self.init(name, summary) { (draft, _) throws(CheckpointError) in
      let count = try draft.fuse(step, as: .preset(name))
      try draft.require(count, name, ends: step.parts)
    }
  }
}

extension RenamingDraft {
  /// Throws where a preset found nothing to do, as rules that match nothing do.
  fileprivate func require(_ count: Int, _ preset: String, ends: [String]) throws(CheckpointError) {
    guard count == 0 else { return }
    throw CheckpointError(
      path: path,
      "the preset \(preset.quoted) is for \(ends.joined(separator: ", ")); none of the "
        + "\(tensors.count) names is of such a module",
      details: ["the names are:"] + FoldedKeys.lines(names).map { "  \($0)" })
  }

  /// Whether some name has these segments, one after the other.
  func hasModule(_ path: String) -> Bool {
    let words = path.dottedSegments
    return names.contains { ProjectionTensor($0, words: words, position: 0) != nil }
  }
}
