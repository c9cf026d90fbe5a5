extension Glob {
  /// The glob that matches this name alone.
  public static func literal(_ name: String) -> String {
    var text = ""
    for character in name.unicodeScalars {
      if "*?[]{},\\".unicodeScalars.contains(character) { text += "\\" }
      text.unicodeScalars.append(character)
    }
    return text
  }

  /// As few globs as are easily found that together match each of `names` and none
  /// of `others`.
  public static func covering(_ names: [String], without others: [String]) -> [String] {
    guard names.count > 1 else { return names.map(literal) }
    let folded = FoldedKeys.fold(names)
    var candidates: [[String]] = []
    if folded.count == 1 { candidates.append([folded[0].pattern.description]) }
    candidates.append([aroundCommonEnds(of: names)])
    candidates.append(
      folded.map { $0.count == 1 ? literal($0.keys[0]) : $0.pattern.description })
    let fitting = candidates.first { globs in
      guard let compiled = try? globs.map({ source in try Glob(source) }) else { return false }
      return names.allSatisfy { name in compiled.contains { $0.matches(name) } }
        && !others.contains { name in compiled.contains { $0.matches(name) } }
    }
    return fitting ?? names.map(literal)
  }

  /// What all names begin and end with, and anything between.
  private static func aroundCommonEnds(of names: [String]) -> String {
    let first = names[0]
    var prefix = first[...]
    var suffix = first[...]
    for name in names.dropFirst() {
      while !name.hasPrefix(prefix) { prefix.removeLast() }
      while !name.hasSuffix(suffix) { suffix.removeFirst() }
    }
    let shortest = names.map(\.count).min() ?? 0
    suffix = suffix.suffix(max(0, shortest - prefix.count))
    return literal(String(prefix)) + "**" + literal(String(suffix))
  }
}
