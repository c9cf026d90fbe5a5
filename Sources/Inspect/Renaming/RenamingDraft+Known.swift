import Formats

extension RenamingDraft {
  /// The draft after one or two presets that give every name its place.
  ///
  /// Nil where none do, or where several do and disagree.
  func knownRenaming(to base: KeyList) -> RenamingDraft? {
    let presets = RenamePreset.table.filter { !$0.needsBase && $0.isForInference }
    let shapes = Dictionary(
      entries(of: base).map { (ExactName($0.name), $0.shape) },
      uniquingKeysWith: { first, _ in first })
    // What does not suit some of the names does not suit all.
    let sample = sample
    let singles = presets.map { [$0] }.filter { sample.after($0, base) != nil }
    let pairs = singles.flatMap { first in presets.map { first + [$0] } }
    for chains in [singles, pairs] {
      let complete = chains.filter { sample.after($0, base)?.isComplete(in: shapes) ?? false }
        .compactMap { after($0, base) }.filter { $0.isComplete(in: shapes) }
      guard var draft = complete.first else { continue }
      guard complete.allSatisfy({ $0.names == draft.names }) else { return nil }
      let count = MatchSubject.subjects(of: draft).count
      draft.match = MatchSummary(base: base.path, placed: count, count: count, unplaced: [])
      return draft
    }
    return nil
  }

  /// The draft with a few names of each pattern.
  private var sample: RenamingDraft {
    var sample = self
    var counts: [[NamePart]: Int] = [:]
    sample.tensors = tensors.filter { tensor in
      let parts = NameShape.split(tensor.record.name).parts
      counts[parts, default: 0] += 1
      return counts[parts, default: 0] <= Self.sampleCount
    }
    return sample
  }

  /// How many names of a pattern are tried before all are.
  private static let sampleCount = 2

  private func after(_ presets: [RenamePreset], _ base: KeyList) -> RenamingDraft? {
    var draft = self
    for preset in presets {
      guard (try? draft.apply(preset, base: base)) != nil else { return nil }
    }
    return (try? draft.requireDistinct()) != nil ? draft : nil
  }

  /// Whether every name has a place that fits.
  private func isComplete(in shapes: [ExactName: [Int]?]) -> Bool {
    MatchSubject.subjects(of: self).allSatisfy { subject in
      guard let shape = shapes[ExactName(subject.path)] else { return false }
      return subject.demand.accepts(shape.map(ShapeDemand.shape) ?? .unknown)
    }
  }
}
