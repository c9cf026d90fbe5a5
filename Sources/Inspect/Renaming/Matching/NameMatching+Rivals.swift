/// Places that are taken, and would have been as good.
///
/// Where one of two towers has its name in the base and the other has not, the one that is
/// left there need not be the other: all may have moved on by one.
extension NameMatching {
  /// The pairs without those whose words give way to others only because a place with other
  /// words in the same position has a name already; notes down the place.
  mutating func withoutRivalled(_ pairs: [Pair]) -> [Pair] {
    var isFree: Set<MatchEvidence.Change> = []
    var rivalled: [(pair: Pair, change: MatchEvidence.Change, place: Int)] = []
    for pair in pairs {
      guard let (change, step) = replacement(in: pair), !isFree.contains(change) else { continue }
      if let place = rival(of: pair, at: step) {
        rivalled.append((pair, change, place))
      } else {
        // A module that the other has not got tells which of the two it is.
        isFree.insert(change)
      }
    }
    let refused = rivalled.filter { !isFree.contains($0.change) }
    for (pair, _, place) in refused { rivals[pair.name] = [place, pair.base] }
    let names = Set(refused.map(\.pair.name))
    return pairs.filter { !names.contains($0.name) }
  }

  /// The only word that gives way to one with nothing to do with it, and where it stands.
  private func replacement(in pair: Pair) -> (change: MatchEvidence.Change, step: Int)? {
    let changes = MatchEvidence.changes(pair.alignment)
    let steps = pair.alignment.steps
    guard changes.count == 1, changes[0].isReplacement, !changes[0].isNarrower,
      let step = steps.firstIndex(where: { !$0.isSame }), steps[step].old.count == 1,
      steps[(step + 1)...].allSatisfy(\.isSame)
    else { return nil }
    return (changes[0], step)
  }

  /// A place that has an equal name, and differs from this one in that word alone.
  private func rival(of pair: Pair, at step: Int) -> Int? {
    let name = names[pair.name]
    let steps = pair.alignment.steps
    let (old, new) = (steps[step].old[0].word ?? "", steps[step].new.compactMap(\.word))
    let position = steps[..<step].reduce(0) { $0 + $1.old.count }
    let isAkin = new.contains { WordMeaning.isAkin(old, $0) }
    return base.indices.first { index in
      let parts = base[index].parts
      guard taken.contains(index), parts.count == name.parts.count,
        parts[..<position] == name.parts[..<position],
        parts[(position + 1)...] == name.parts[(position + 1)...],
        let word = parts[position].word, !isAkin || WordMeaning.isAkin(old, word),
        equal.contains(index), name.fits(base[index]), let other = self.pair(pair.name, index)
      else { return false }
      return !isRuledOut(other.alignment)
    }
  }
}
