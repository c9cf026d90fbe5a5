/// What is settled by nothing else being left.
///
/// That is a proof only where the shapes are known, where most names are placed already,
/// where the two names differ in one place alone, and where no second place is left: in
/// the whole of both lists, or beside the names of the same layer.
extension NameMatching {
  /// Settles the names that have one place left, and that place one name; false where
  /// there are none.
  mutating func eliminate() -> Bool {
    let open = names.indices.filter { places[$0] == nil && !misshapen.contains($0) }
    guard places.count >= Self.leastPlacedCount, places.count > open.count else { return false }
    let left = Leftover(names, base, open, base.indices.filter { !taken.contains($0) })
    // Where a name has no place at all, the other list lacks some, and may lack others.
    guard open.allSatisfy(left.hasPlace) else { return false }
    let found = open.compactMap { index -> Pair? in
      guard let place = left.onlyPlace(of: index),
        isOnlyOfItsShape(index, place) || isLayerComplete(index, place, left)
      else { return nil }
      return pair(index, place).flatMap { isOneChange($0) ? $0 : nil }
    }
    let chosen = found.filter { pair in
      var evidence = evidence
      for other in found where other.name != pair.name { evidence.settle(other.alignment) }
      return evidence.isConsistent(pair.alignment)
    }
    for pair in chosen { settle(pair) }
    return !chosen.isEmpty
  }

  /// The fewest names that have to be placed before anything is told from what is left.
  private static let leastPlacedCount = 4

  /// The most words that may stand for others.
  private static let mostWordCount = 2

  /// Whether the names differ in one place that nothing explains, and may.
  private func isOneChange(_ pair: Pair) -> Bool {
    let steps = pair.alignment.unexplained
    return steps.count <= 1 && !isRuledOut(pair.alignment)
      && steps.allSatisfy { step in
        max(step.old.count, step.new.count) <= Self.mostWordCount
          && (step.old + step.new).allSatisfy { !WordMeaning.everywhere.contains($0.word ?? "") }
      }
  }

  /// Whether neither list has another name, placed or not, for such a shape.
  private func isOnlyOfItsShape(_ index: Int, _ place: Int) -> Bool {
    names.count { $0.isTwin(of: base[place]) } == 1
      && base.count { names[index].isTwin(of: $0) } == 1
  }

  /// Whether the layer of the name and that of its place have the same shapes left, and
  /// other names of the one are placed in the other.
  private func isLayerComplete(_ index: Int, _ place: Int, _ left: Leftover) -> Bool {
    let (layer, other) = (names[index].layer, base[place].layer)
    let own = left.open.filter { names[$0].layer == layer }
    let free = left.free.filter { base[$0].layer == other }
    return own.count == free.count
      && own.allSatisfy { name in
        free.count { names[name].isTwin(of: base[$0]) }
          == own.count { names[name].isTwin(of: names[$0]) }
      }
      && places.contains { names[$0].layer == layer && base[$1.base].layer == other }
  }

  /// The names and the places that are left.
  private struct Leftover {
    let open: [Int]
    let free: [Int]
    /// For each name, and for each place, the first of the other and how many fit.
    private var places: [Int: (first: Int, count: Int)] = [:]
    private var names: [Int: Int] = [:]

    init(_ names: [NameShape], _ base: [NameShape], _ open: [Int], _ free: [Int]) {
      self.open = open
      self.free = free
      for name in open where names[name].isShapeKnown {
        for place in free where names[name].isTwin(of: base[place]) {
          places[name, default: (place, 0)].count += 1
          self.names[place, default: 0] += 1
        }
      }
    }

    func hasPlace(_ name: Int) -> Bool { places[name] != nil }

    func onlyPlace(of name: Int) -> Int? {
      guard let (place, count) = places[name], count == 1, names[place] == 1 else { return nil }
      return place
    }
  }
}

extension NameShape {
  /// The parts up to the last number.
  fileprivate var layer: ArraySlice<NamePart> {
    parts[..<((parts.lastIndex(of: .number) ?? -1) + 1)]
  }

  fileprivate var isShapeKnown: Bool { members.values.allSatisfy { $0.demand != .unknown } }

  /// Whether it has the same numbers, and with them the same shapes.
  fileprivate func isTwin(of other: NameShape) -> Bool {
    members.count == other.members.count && fits(other)
      && other.isShapeKnown
  }
}
