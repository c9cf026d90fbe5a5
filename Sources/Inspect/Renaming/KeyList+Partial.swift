import Formats

extension KeyList {
  /// The most names that a list is continued to.
  private static let maximumContinuedCount = 200_000

  /// The entries of a list that was cut off, with those that are like them in the other
  /// layers that `names` tell of: a list does not end where a layer does.
  func continued(by names: [String]) -> [Entry] {
    let own = NameShape.fold(entries.map { ($0.name, .unknown) })
    let others = NameShape.fold(names.map { ($0, .unknown) })
    var numbers: [Int: Set<[Int]>] = [:]
    for shape in own + others {
      numbers[shape.numberCount, default: []].formUnion(shape.members.keys)
    }
    let count = own.reduce(0) { $0 + (numbers[$1.numberCount]?.count ?? 0) }
    guard count <= Self.maximumContinuedCount else { return entries }
    let known = Set(entries.map { ExactName($0.name) })
    let more = own.flatMap { shape in
      (numbers[shape.numberCount] ?? []).sorted { $0.lexicographicallyPrecedes($1) }
        .map { NameShape.name(shape.parts, $0) }
    }
    return entries + more.filter { !known.contains(ExactName($0)) }.map { Entry($0) }
  }
}
