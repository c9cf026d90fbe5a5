import Formats

/// The words that stand in names, alone and in pairs: what the paths of modules end with.
struct ModuleEndings {
  private var words: Set<Substring> = []

  init(_ names: [String]) {
    var known: Set<[UInt8]> = []
    for name in names where known.insert(Self.numberless(name)).inserted {
      let segments = name.dottedSegments.map { Self.isNumber($0.utf8) ? "0" : $0 }
      words.formUnion(segments)
      for (first, second) in zip(segments, segments.dropFirst()) {
        words.insert("\(first).\(second)")
      }
    }
  }

  /// The name without the numbers of lists: of a hundred thousand names a hundred are left.
  private static func numberless(_ name: String) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(name.utf8.count)
    var start = 0
    for byte in name.utf8 {
      result.append(byte)
      guard byte == UInt8(ascii: ".") else { continue }
      // The dot stays, as a name without the number is another.
      if isNumber(result[start...].dropLast()) { result.removeSubrange(start..<result.count - 1) }
      start = result.count
    }
    if isNumber(result[start...]) { result.removeSubrange(start...) }
    return result
  }

  private static func isNumber(_ segment: some Collection<UInt8>) -> Bool {
    !segment.isEmpty && segment.allSatisfy { $0 >= 0x30 && $0 <= 0x39 }
  }

  func contains(_ ending: String) -> Bool { words.contains(Substring(ending)) }
}
