import Formats

/// Finds for names the ones of a base that are the same tensors.
///
/// A name is given a place only where one place is better than all others and the
/// name is the best for that place; what was settled is evidence for the rest. A
/// number of a list only ever stands for itself.
struct NameMatching {
  let names: [NameShape]
  let base: [NameShape]
  /// For each of `names` its place in `base`, and how the two lie side by side.
  private(set) var places: [Int: (base: Int, alignment: NameAlignment)] = [:]
  /// The names that the base has, with other shapes; they are left alone.
  private(set) var misshapen: Set<Int> = []
  private(set) var taken: Set<Int> = []
  /// The places whose names are as they are.
  private(set) var equal: Set<Int> = []
  /// For names that were left open for it: the places that are as good.
  var rivals: [Int: [Int]] = [:]
  private var known = KnownEdits()
  private(set) var evidence = MatchEvidence()
  private var candidates: [[Int]]
  /// Whether so many names could be so many others that nothing was settled but those
  /// that are equal.
  private(set) var isTooLarge = false

  /// The most pairs that are laid side by side.
  private static let maximumPairCount = 250_000

  init(_ names: [NameShape], to base: [NameShape]) {
    self.names = names
    self.base = base
    candidates = Array(repeating: [], count: names.count)
    settleEqual()
    let left = ShapeClasses(
      names, names.indices.filter { places[$0] == nil && !misshapen.contains($0) })
    let free = ShapeClasses(base, base.indices.filter { !taken.contains($0) })
    let fitting = left.fitting(free)
    isTooLarge =
      fitting.reduce(0) { $0 + $1.names.count * $1.places.count } > Self.maximumPairCount
    if isTooLarge { return }
    for (names, places) in fitting {
      for name in names { candidates[name] += places }
    }
    for name in names.indices { candidates[name].sort() }
    while settle() || eliminate() {}
  }

  /// Names that the base has as they are.
  private mutating func settleEqual() {
    var byParts: [[NamePart]: Int] = [:]
    for index in base.indices { byParts[base[index].parts] = index }
    for index in names.indices {
      guard let same = byParts[names[index].parts] else { continue }
      if names[index].fits(base[same]),
        let alignment = NameAlignment(names[index].parts, base[same].parts, knowing: known)
      {
        places[index] = (same, alignment)
        taken.insert(same)
        equal.insert(same)
        evidence.settle(alignment)
      } else if names[index].members.keys.contains(where: { base[same].members[$0] != nil }) {
        misshapen.insert(index)
      }
    }
  }

  /// How sure a pair is, the surest first.
  enum Rank: Int, CaseIterable {
    /// Every difference is one that other names have.
    case full
    /// Words only came or only went.
    case contained
    case other
  }

  struct Pair {
    let name: Int
    let base: Int
    let alignment: NameAlignment

    var rank: Rank {
      alignment.isFull
        ? .full : alignment.isOnlyLonger || alignment.isOnlyShorter ? .contained : .other
    }
  }

  /// Settles the surest pairs that are sure; false where there are none.
  private mutating func settle() -> Bool {
    var rows: [Int: [Pair]] = [:]
    var columns: [Int: [Pair]] = [:]
    for index in names.indices where places[index] == nil {
      let pairs = candidates[index].filter { !taken.contains($0) }.compactMap { pair(index, $0) }
      // A name that can be none of them is no rival of those that can.
      guard !pairs.allSatisfy({ isContrary($0.alignment) }) else { continue }
      rows[index] = pairs
      for pair in pairs { columns[pair.base, default: []].append(pair) }
    }
    candidates = names.indices.map { (rows[$0] ?? []).map(\.base) }
    let sure = names.indices.compactMap { index -> Pair? in
      guard let pair = Self.best(rows[index] ?? []) else { return nil }
      guard Self.best(columns[pair.base] ?? [])?.name == index, isPlausible(pair) else {
        return nil
      }
      return (rows[index] ?? []).contains { Self.isHalfway(pair, or: $0) } ? nil : pair
    }
    for rank in Rank.allCases {
      let chosen = withoutRivalled(proven(sure, of: rank))
      if chosen.isEmpty { continue }
      for pair in chosen { settle(pair) }
      return true
    }
    return false
  }

  mutating func settle(_ pair: Pair) {
    places[pair.name] = (pair.base, pair.alignment)
    taken.insert(pair.base)
    known.insert(pair.alignment)
    evidence.settle(pair.alignment)
  }

  /// A name and a place side by side; nil where their numbers cannot meet.
  func pair(_ name: Int, _ place: Int) -> Pair? {
    NameAlignment(names[name].parts, base[place].parts, knowing: known).map {
      Pair(name: name, base: place, alignment: $0)
    }
  }

  /// The pairs of a rank that more speaks for, with what they say for each other.
  private func proven(_ sure: [Pair], of rank: Rank) -> [Pair] {
    var evidence = evidence
    for pair in sure { evidence.add(pair.alignment) }
    return sure.filter { pair in
      guard pair.rank == rank, evidence.proves(pair.alignment) else { return false }
      evidence.settle(pair.alignment)
      return true
    }
  }

  /// The pair that is better than all others, if there is one.
  private static func best(_ pairs: [Pair]) -> Pair? {
    guard let first = pairs.first else { return nil }
    let best = pairs.dropFirst().reduce(first) { isBetter($1, than: $0) ? $1 : $0 }
    let isBest = pairs.allSatisfy { other in
      (other.name == best.name && other.base == best.base) || isBetter(best, than: other)
    }
    return isBest ? best : nil
  }

  /// Whether `a` meets everything that `b` meets, and more.
  private static func isBetter(_ a: Pair, than b: Pair) -> Bool {
    if a.alignment.isFull != b.alignment.isFull { return a.alignment.isFull }
    let (first, second) =
      a.name == b.name
      ? (a.alignment.strengths, b.alignment.strengths)
      : (a.alignment.newStrengths, b.alignment.newStrengths)
    return first != second && zip(first, second).allSatisfy { $0 >= $1 }
  }

  /// Whether more than the shape speaks for the pair.
  private func isPlausible(_ pair: Pair) -> Bool {
    pair.alignment.evidence > 0 && !isRuledOut(pair.alignment)
  }

  func isRuledOut(_ alignment: NameAlignment) -> Bool {
    isContrary(alignment) || alignment.steps.contains(where: Self.isRecounted)
  }

  private func isContrary(_ alignment: NameAlignment) -> Bool {
    let changes = MatchEvidence.changes(alignment)
    if alignment.isContrary || changes.contains(where: \.isContrary) { return true }
    // A part of a model becomes no other one, wherever its word stands.
    let come = changes.flatMap(\.new)
    return changes.flatMap(\.old).contains { word in
      come.contains { WordMeaning.isOtherPart(word, $0) }
    }
  }

  private static func isRecounted(_ step: NameAlignment.Step) -> Bool {
    guard let a = step.old.first?.word, let b = step.new.first?.word else { return false }
    let isOneWord = step.old.count == 1 && step.new.count == 1
    // A number at the start may stand before further words.
    return (isOneWord || Int(a) != nil && Int(b) != nil) && isOtherNumber(a, b)
  }

  /// Whether the name says nothing about what sets the two places apart: `attn` is no
  /// more `self_attn` than `cross_attn`.
  private static func isHalfway(_ pair: Pair, or other: Pair) -> Bool {
    guard pair.base != other.base else { return false }
    let (first, second) = (pair.alignment.steps, other.alignment.steps)
    guard first.count == second.count else { return false }
    return zip(first, second).contains { a, b in
      guard a.old == b.old, a.old.count == 1, a.new.count == 1, b.new.count == 1,
        let word = a.old[0].word, let one = a.new[0].word, let two = b.new[0].word, word != one
      else { return false }
      return WordMeaning.isOpposite(one, two) && !WordMeaning.isOpposite(word, two)
    }
  }

  /// Whether the words are one word with different numbers in it: `norm1` and `norm2`
  /// are two things, and nothing tells how they were counted.
  private static func isOtherNumber(_ a: String, _ b: String) -> Bool {
    func letters(_ word: String) -> String { String(word.filter { $0.isLetter }) }
    func digits(_ word: String) -> String { String(word.filter { $0.isNumber }) }
    return letters(a) == letters(b) && digits(a) != digits(b)
  }

  /// The names that could be several of the base, with those.
  var open: [(name: Int, places: [Int])] {
    names.indices.compactMap { index in
      guard places[index] == nil else { return nil }
      if let rivals = rivals[index] { return (index, rivals) }
      let left = candidates[index].filter { place in
        !taken.contains(place)
          && NameAlignment(names[index].parts, base[place].parts, knowing: known)
            .map { !isContrary($0) } ?? false
      }
      return left.isEmpty ? nil : (index, left)
    }
  }

  /// The names that the base has for other layers, with those: some of either side are
  /// not there on the other, so the layers may be counted from another number.
  var shifted: [(name: Int, base: Int)] {
    var byParts: [[NamePart]: Int] = [:]
    for index in base.indices { byParts[base[index].parts] = index }
    return names.indices.compactMap { index in
      guard places[index] == nil, let same = byParts[names[index].parts] else { return nil }
      let (own, other) = (Set(names[index].members.keys), Set(base[same].members.keys))
      return own.isSubset(of: other) || other.isSubset(of: own) ? nil : (index, same)
    }
  }
}
