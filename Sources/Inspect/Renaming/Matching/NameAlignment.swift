/// Two names laid side by side: what of one is what of the other.
struct NameAlignment {
  /// A step through both names: parts of the old and what stands for them in the
  /// new.
  struct Step: Hashable {
    var old: [NamePart]
    var new: [NamePart]
    var isSame: Bool { old == new }
  }

  let steps: [Step]
  /// How well each part of the old name is met: 2 the same, 1 the same in meaning, 0
  /// not at all.
  let strengths: [Int]
  /// The same for each part of the new name.
  let newStrengths: [Int]

  /// Whether a word would become one that means the opposite.
  ///
  /// Such a pair is never taken, but it is a place that others have to be better than.
  let isContrary: Bool

  /// Whether all of the old name is in the new one, or the other way round.
  var isOnlyLonger: Bool { steps.allSatisfy { $0.isSame || $0.old.isEmpty } }
  var isOnlyShorter: Bool { steps.allSatisfy { $0.isSame || $0.new.isEmpty } }
  /// Whether nothing is left unexplained on either side.
  var isFull: Bool { (strengths + newStrengths).allSatisfy { $0 > 0 } }
  /// The steps of which nothing explains some of the words.
  let unexplained: [Step]
  /// The words that both share in meaning, those that all names have left out.
  let evidence: Int

  /// Lays the names side by side so that as much as possible is the same, from the
  /// end; nil where the numbers cannot meet.
  init?(_ old: [NamePart], _ new: [NamePart], knowing known: KnownEdits) {
    guard let pairs = Self.path(old, new, knowing: known) else { return nil }
    let gaps = Self.gaps(pairs, old, new).filter { known.contains($0.edit) }
    var strengths = Array(repeating: 0, count: old.count)
    var newStrengths = Array(repeating: 0, count: new.count)
    var isExplained = Array(repeating: false, count: pairs.count)
    var evidence = 0
    for case (let index, (let i?, let j?)) in pairs.enumerated() {
      guard let strength = Self.strength(old[i], new[j], knowing: known) else { continue }
      strengths[i] = strength
      newStrengths[j] = strength
      isExplained[index] = strength > 0
      if strength > 0, let word = old[i].word, !WordMeaning.everywhere.contains(word) {
        evidence += 1
      }
    }
    for gap in gaps { for index in gap.pairs { isExplained[index] = true } }
    steps = Self.steps(pairs, old, new, isExplained)
    var unexplained: [Step] = []
    var (i, j) = (0, 0)
    for (index, step) in steps.enumerated() {
      if !step.isSame, known.contains(Edit(steps, at: index)) {
        for place in i..<i + step.old.count { strengths[place] = max(1, strengths[place]) }
        for place in j..<j + step.new.count { newStrengths[place] = max(1, newStrengths[place]) }
      }
      let (oldEnd, newEnd) = (i + step.old.count, j + step.new.count)
      if strengths[i..<oldEnd].contains(0) || newStrengths[j..<newEnd].contains(0) {
        unexplained.append(step)
      }
      (i, j) = (oldEnd, newEnd)
    }
    self.unexplained = unexplained
    isContrary = steps.contains { step in
      guard step.old.count == 1, step.new.count == 1, let a = step.old[0].word,
        let b = step.new[0].word
      else { return false }
      return WordMeaning.isOpposite(a, b)
    }
    self.strengths = strengths
    self.evidence = evidence
    self.newStrengths = newStrengths
  }

  /// The words that came or went, each with the pairs that it is.
  private static func gaps(_ pairs: [(Int?, Int?)], _ old: [NamePart], _ new: [NamePart])
    -> [(edit: Edit, pairs: Range<Int>)]
  {
    var gaps: [(edit: Edit, pairs: Range<Int>)] = []
    var left: NamePart?
    var start = 0
    while start < pairs.count {
      let rest = pairs[start...]
      let isNew = rest[start].0 == nil
      let end =
        rest.firstIndex { isNew ? $0.0 != nil : $0.1 != nil || $0.0 == nil } ?? pairs.count
      let gone = rest[start..<end].compactMap { $0.0.map { old[$0] } }
      if end > start {
        let came = rest[start..<end].compactMap { $0.1.map { new[$0] } }
        gaps.append((Edit(old: gone, new: came, after: left), start..<end))
      }
      left = gone.last ?? rest[start].0.map { old[$0] } ?? left
      start = max(end, start + 1)
    }
    return gaps
  }

  /// Nil for parts that cannot stand for each other.
  private static func strength(_ a: NamePart, _ b: NamePart, knowing known: KnownEdits) -> Int? {
    switch (a, b) {
    case (.number, .number): 2
    case (.word(let a), .word(let b)):
      a == b ? 2 : known.isSame(a, b) ? 1 : 0
    default: nil
    }
  }

  /// The pairs of positions of the best way through both names.
  private static func path(_ old: [NamePart], _ new: [NamePart], knowing known: KnownEdits)
    -> [(Int?, Int?)]?
  {
    let width = new.count + 1
    var scores = Array(repeating: 0, count: (old.count + 1) * width)
    let impossible = -1_000_000
    // A step that changes or leaves out a word costs a little, so that the path with
    // the fewest of them wins; numbers have to meet.
    func costs(_ parts: [NamePart], _ edits: Set<NamePart>) -> [Int] {
      parts.map { $0 == .number ? impossible : edits.contains($0) ? 0 : -2 }
    }
    let (gone, come) = (costs(old, known.gone), costs(new, known.come))
    for i in 1..<old.count + 1 { scores[i * width] = scores[(i - 1) * width] + gone[i - 1] }
    for j in 1..<width { scores[j] = scores[j - 1] + come[j - 1] }
    let meetings = old.flatMap { part in
      new.map { other in
        switch strength(part, other, knowing: known) {
        case nil: impossible
        case 2?: 40
        case 1?: 36
        default: -3
        }
      }
    }
    func meeting(_ i: Int, _ j: Int) -> Int { meetings[i * new.count + j] }
    for i in 1..<old.count + 1 {
      for j in 1..<width {
        scores[i * width + j] = max(
          scores[(i - 1) * width + j - 1] + meeting(i - 1, j - 1),
          scores[(i - 1) * width + j] + gone[i - 1],
          scores[i * width + j - 1] + come[j - 1])
      }
    }
    guard scores[scores.count - 1] > impossible / 2 else { return nil }
    var pairs: [(Int?, Int?)] = []
    var (i, j) = (old.count, new.count)
    while i > 0 || j > 0 {
      let score = scores[i * width + j]
      if i > 0, j > 0, score == scores[(i - 1) * width + j - 1] + meeting(i - 1, j - 1) {
        (i, j) = (i - 1, j - 1)
        pairs.append((i, j))
      } else if i > 0, score == scores[(i - 1) * width + j] + gone[i - 1] {
        i -= 1
        pairs.append((i, nil))
      } else {
        j -= 1
        pairs.append((nil, j))
      }
    }
    return pairs.reversed()
  }

  /// The pairs as steps: neighbours that differ are one step where words came or
  /// went, and one step each where every word has another in its place. What is
  /// explained is a step of its own.
  private static func steps(
    _ pairs: [(Int?, Int?)], _ old: [NamePart], _ new: [NamePart], _ isExplained: [Bool]
  ) -> [Step] {
    var steps: [Step] = []
    var run: [(Int?, Int?)] = []
    func flush() {
      guard !run.isEmpty else { return }
      if run.allSatisfy({ $0.0 != nil && $0.1 != nil }) {
        for case (let i?, let j?) in run { steps.append(Step(old: [old[i]], new: [new[j]])) }
      } else {
        steps.append(
          Step(
            old: run.compactMap { $0.0.map { old[$0] } },
            new: run.compactMap { $0.1.map { new[$0] } }))
      }
      run = []
    }
    func isWhole(_ index: Int) -> Bool { pairs[index].0 != nil && pairs[index].1 != nil }
    for (index, pair) in pairs.enumerated() {
      if index > 0,
        isExplained[index] != isExplained[index - 1]
          || (isExplained[index] && (isWhole(index) || isWhole(index - 1)))
      {
        flush()
      }
      run.append(pair)
    }
    flush()
    return steps
  }
}
