import Formats

/// Keys that lost their beginning.
extension AdapterPlacing {
  /// Where each key of the adapter is the end of a missing one, the first that is the end of
  /// several: which part of the model it is from was in its beginning.
  static func lostBeginning(_ adapter: Checkpoint, _ missing: [String]) -> Choice? {
    let keys = adapter.records.map(\.name)
    let ends = keys.map(end)
    var places = Dictionary(ends.map { (ExactName($0), [String]()) }, uniquingKeysWith: { $1 })
    for name in missing {
      for (index, byte) in zip(name.utf8.indices, name.utf8) where byte == UInt8(ascii: ".") {
        places[ExactName(String(name[name.utf8.index(after: index)...]))]?.append(name)
      }
    }
    let found = zip(keys, ends).map { ($0, places[ExactName($1)] ?? []) }
    guard found.allSatisfy({ !$1.isEmpty }) else { return nil }
    return found.first { $1.count > 1 }.map { Choice(key: $0, places: $1) }
  }

  /// The key from its list of layers on.
  private static func end(_ key: String) -> String {
    let segments = key.dottedSegments
    let start = max(1, segments.firstIndex { Int($0) != nil } ?? 1)
    return segments.dropFirst(start - 1).joined(separator: ".")
  }
}
