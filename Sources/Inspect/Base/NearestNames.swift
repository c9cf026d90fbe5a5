import Formats

/// Finds the modules of a base that end like another name.
///
/// The paths are sorted by their characters from the end, so that those with a
/// common ending lie side by side.
struct NearestNames {
  /// The most segments of a name that are compared.
  static let maximumSegmentCount = 16
  /// An ending that more modules share than this tells nothing.
  static let maximumCandidateCount = 256

  private let base: Checkpoint
  private let positions: NameTable
  /// The modules' paths, sorted from the end.
  private let paths: [[UInt8]]

  init(_ base: Checkpoint, positions: NameTable) {
    self.base = base
    self.positions = positions
    let ending = Array(".weight".utf8)
    paths = base.records.compactMap { record in
      let bytes = Array(record.name.utf8)
      return bytes.count > ending.count && bytes.suffix(ending.count).elementsEqual(ending)
        ? Array(bytes.dropLast(ending.count).reversed()) : nil
    }.sorted { $0.lexicographicallyPrecedes($1) }
  }

  /// The weight of the module at `path` if it can be what `module` acts on.
  func hasFit(_ path: String, for module: AdapterModule) -> Bool {
    guard let position = positions["\(path).weight"] else { return false }
    return ShapeFit(module, base.records[position]) != nil
  }

  /// The paths with the longest ending in common with the module's of those whose
  /// shape fits, and that ending.
  func candidates(for module: AdapterModule) -> (ending: Substring, paths: [String]) {
    for ending in Self.endings(of: module.target) {
      let fitting = paths(endingIn: ending).filter { hasFit($0, for: module) }
      if !fitting.isEmpty { return (ending, fitting) }
    }
    return ("", [])
  }

  /// For each module the weights that end most like it, shapes aside where none
  /// fits; in natural order.
  func nearest(to modules: [AdapterModule]) -> [String] {
    var names: Set<String> = []
    for module in modules {
      var found = candidates(for: module).paths
      if found.isEmpty {
        found =
          Self.endings(of: module.target).lazy.map { paths(endingIn: $0) }
          .first { !$0.isEmpty } ?? []
      }
      for path in found.prefix(3) { names.insert("\(path).weight") }
    }
    return NaturalOrder.sorted(names)
  }

  /// The name itself and what follows each of its dots, the longest first.
  static func endings(of name: String) -> [Substring] {
    var endings: [Substring] = []
    var index = name.utf8.endIndex
    while index > name.utf8.startIndex, endings.count < maximumSegmentCount {
      let previous = name.utf8.index(before: index)
      if name.utf8[previous] == UInt8(ascii: ".") { endings.append(name[index...]) }
      index = previous
    }
    if index == name.utf8.startIndex { endings.append(name[...]) }
    return endings.reversed().filter { !$0.isEmpty }
  }

  /// The paths that are `ending` or end in it after a dot, not too many of them.
  func paths(endingIn ending: Substring) -> [String] {
    var result: [String] = []
    if positions["\(ending).weight"] != nil { result.append(String(ending)) }
    let probe = Array(ending.utf8.reversed()) + [UInt8(ascii: ".")]
    var index = firstPath(notBefore: probe)
    let beyond = index + Self.maximumCandidateCount
    if beyond < paths.count, paths[beyond].starts(with: probe) { return [] }
    while index < paths.count, paths[index].starts(with: probe) {
      result.append(String(decoding: paths[index].reversed(), as: UTF8.self))
      index += 1
    }
    return result
  }

  private func firstPath(notBefore probe: [UInt8]) -> Int {
    var low = 0
    var high = paths.count
    while low < high {
      let middle = (low + high) / 2
      if paths[middle].lexicographicallyPrecedes(probe) {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return low
  }
}
