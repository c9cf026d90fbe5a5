import Formats

extension KeyList {
  /// Reads the keys in a text: what a failed load printed, or one key a line. Nil
  /// where there are none.
  init?(text: String, path: String) {
    let lines = text.split { $0.isNewline }.map { Self.line($0) }
    // What failed loads print holds sentences; a list of names alone is none of it.
    if lines.contains(where: { $0 == nil }) {
      let log = LoadLog(text)
      if !log.load.isClean {
        self.init(log.load, path: path, isPartial: log.isPartial)
        return
      }
    }
    let entries = lines.compactMap(\.self)
    guard !entries.isEmpty else { return nil }
    self.init(path: path, entries.flatMap(\.self))
  }

  /// What a failed load missed, and what it did not want.
  init(_ load: StrictLoad, path: String, isPartial: Bool) {
    self.init(
      path: path,
      load.missing.map { Entry($0) } + load.mismatched.map { Entry($0.name, $0.expected) },
      unwanted: load.unexpected.map { Entry($0) }
        + load.mismatched.map { Entry($0.name, $0.found) },
      isPartial: isPartial)
  }

  /// One line: a name, perhaps followed by a type and a shape as `tenon inspect`, Python
  /// and tables print them; nil for a line that is something else.
  private static func line(_ line: Substring) -> [Entry]? {
    let line = line.drop(while: marks.contains)
    var (name, rest) = split(line)
    guard isName(name), !name.hasPrefix("#") else { return nil }
    if let last = name.last, ":=".contains(last) { name = name.dropLast() }
    if rest.allSatisfy(marks.contains) { return [Entry(String(name))] }
    guard let shape = shape(in: rest) ?? factors(rest) else { return nil }
    // Tensors that differ only in numbers, as --tree prints them.
    return expand(String(name)).map { Entry($0, shape) }
  }

  /// What people and programs put around names in lists and tables.
  private static let marks: Set<Character> = [
    " ", "\t", "-", "*", "•", "|", "`", "\"", "'", ",", ";",
  ]

  /// The name at the start and what follows it; the numbers of a pattern stay together.
  private static func split(_ line: Substring) -> (name: Substring, rest: Substring) {
    var isInside = false
    for index in line.indices {
      switch line[index] {
      case "{": isInside = true
      case "}": isInside = false
      case "-", "*", "•": continue
      case let mark where !isInside && marks.contains(mark):
        return (line[..<index], line[index...])
      default: continue
      }
    }
    return (line, "")
  }

  /// The sizes of a shape like `100x32`.
  private static func factors(_ text: Substring) -> [Int]? {
    let words = text.split { marks.contains($0) }
    guard let word = words.first, words.count == 1 else { return nil }
    let parts = word.split(omittingEmptySubsequences: false) { $0 == "x" || $0 == "×" }
    let sizes = parts.compactMap { Int($0) }
    return sizes.count == parts.count && sizes.allSatisfy { $0 >= 0 } ? sizes : nil
  }

  static func isName(_ text: Substring) -> Bool {
    text.utf8.allSatisfy { $0 > 0x20 } && text.contains { $0.isLetter }
  }

  /// The numbers between the first brackets, or else parentheses.
  static func shape(in text: some StringProtocol) -> [Int]? {
    let opening: (Character, Character) = text.contains("[") ? ("[", "]") : ("(", ")")
    guard let start = text.firstIndex(of: opening.0),
      let end = text[start...].firstIndex(of: opening.1)
    else { return nil }
    let inner = text[text.index(after: start)..<end]
    let parts = inner.split(separator: ",").map { String($0.filter { $0 != " " }) }
    let numbers = parts.compactMap { Int($0) }
    guard numbers.count == parts.count, numbers.allSatisfy({ $0 >= 0 }) else { return nil }
    return numbers
  }

  /// The most names that one line of a text may stand for.
  static let maximumExpansion = 100_000

  /// The names that a pattern stands for: `{0..3}`, `{0, 1}` and `0...3` are numbers.
  static func expand(_ pattern: String) -> [String] {
    guard let (range, numbers) = firstNumbers(in: pattern) else { return [pattern] }
    let tails = expand(String(pattern[range.upperBound...]))
    guard numbers.count <= maximumExpansion / max(1, tails.count) else { return [pattern] }
    let head = pattern[..<range.lowerBound]
    return numbers.flatMap { number in tails.map { "\(head)\(number)\($0)" } }
  }

  private static func firstNumbers(in pattern: String) -> (Range<String.Index>, [Int])? {
    if let start = pattern.firstIndex(of: "{"), let end = pattern[start...].firstIndex(of: "}"),
      let numbers = numbers(in: pattern[pattern.index(after: start)..<end])
    {
      return (start..<pattern.index(after: end), numbers)
    }
    guard let dots = pattern.firstRange(of: "...") else { return nil }
    let before = pattern[..<dots.lowerBound]
    let after = pattern[dots.upperBound...]
    let start = before.lastIndex { !$0.isNumber }.map { before.index(after: $0) }
    let range = (start ?? before.startIndex)..<(after.firstIndex { !$0.isNumber } ?? after.endIndex)
    return numbers(in: pattern[range]).map { (range, $0) }
  }

  private static func numbers(in text: Substring) -> [Int]? {
    var numbers: [Int] = []
    for part in text.split(separator: ",") {
      let ends = part.filter { $0 != " " }.split(separator: ".").map { Int($0) }
      guard let first = ends.first ?? nil, let last = ends.last ?? nil, ends.count <= 2,
        first <= last, last - first < maximumExpansion
      else { return nil }
      numbers += first...last
    }
    return numbers.isEmpty ? nil : numbers
  }
}
