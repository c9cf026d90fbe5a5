import Formats

/// Where the entries of an input lie that are no tensors of the output.
enum LeftPlaces {
  /// Each place once with its entries: the first keys of their paths under which there
  /// are no tensors. A single entry is a place of its own.
  static func places(of entries: [OtherEntry], beside names: [String]) -> [ConversionReport.Place] {
    let taken = names.reduce(into: Set<Substring>()) { $0.formUnion(beginnings(of: $1)) }
    var places: [ConversionReport.Place] = []
    var positions: [Substring: Int] = [:]
    for entry in entries {
      let beginning = beginnings(of: entry.path).first { !taken.contains($0) } ?? entry.path[...]
      if let known = positions[beginning] {
        places[known].name = String(beginning)
        places[known].count += 1
      } else {
        positions[beginning] = places.count
        places.append(ConversionReport.Place(name: entry.path, count: 1))
      }
    }
    return places
  }

  /// The path up to each of its keys, the whole path last.
  private static func beginnings(of path: String) -> [Substring] {
    let ends = path.indices.filter { path[$0] == "." || path[$0] == "[" }
    return ends.filter { $0 != path.startIndex }.map { path[..<$0] } + [path[...]]
  }
}
