import Formats

extension KeyList {
  /// Reads the keys in a text: an index without its shards, what a failed load
  /// printed, or one key a line. Nil where there are none.
  init?(text: String, path: String) {
    if let json = try? JSONValue(parsing: Array(text.utf8)) {
      guard let members = json["weight_map"]?.object, !members.isEmpty else { return nil }
      self.init(path: path, members.map { Entry($0.key) })
      return
    }
    let report = LoadReport(text)
    if !report.isEmpty {
      self.init(path: path, report.missing, unwanted: report.unwanted)
      return
    }
    let entries = text.split { $0.isNewline }.compactMap { Self.line($0) }
    guard !entries.isEmpty else { return nil }
    self.init(path: path, entries.flatMap(\.self))
  }

  /// One line: a name, perhaps followed by a type and a shape as `tenon inspect`
  /// prints them; nil for a line that is something else.
  private static func line(_ line: Substring) -> [Entry]? {
    let words = line.split { $0 == " " || $0 == "\t" }
    guard let name = words.first else { return nil }
    let rest = line[name.endIndex...]
    if words.count == 1 { return isName(name) ? [Entry(String(name))] : nil }
    guard let shape = shape(in: rest) else { return nil }
    // Tensors that differ only in numbers, as --tree prints them.
    return expand(String(name)).map { Entry($0, shape) }
  }

  private static func isName(_ text: Substring) -> Bool {
    text.utf8.allSatisfy { $0 > 0x20 } && text.contains { $0.isLetter }
  }

  /// The numbers between the first brackets.
  static func shape(in text: some StringProtocol) -> [Int]? {
    guard let start = text.firstIndex(of: "["), let end = text[start...].firstIndex(of: "]")
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

/// The keys that the report of a failed load names.
struct LoadReport {
  private(set) var missing: [KeyList.Entry] = []
  private(set) var unwanted: [KeyList.Entry] = []

  var isEmpty: Bool { missing.isEmpty && unwanted.isEmpty }

  /// Sentences of torch, PEFT and transformers before version 5, each followed by a
  /// list of quoted keys.
  private static let sentences: [(text: String, isMissing: Bool)] = [
    ("Missing key(s) in state_dict:", true),
    ("Unexpected key(s) in state_dict:", false),
    ("Found missing adapter keys while loading the checkpoint:", true),
    ("were not used when initializing", false),
    ("are newly initialized:", true),
    ("led to unexpected keys found in the model:", false),
    ("led to missing keys in the model:", true),
  ]

  init(_ text: String) {
    for line in text.split(whereSeparator: \.isNewline) {
      for sentence in Self.sentences {
        guard let range = line.firstRange(of: sentence.text) else { continue }
        let keys = Self.quoted(line[range.upperBound...]).map { KeyList.Entry($0) }
        if sentence.isMissing { missing += keys } else { unwanted += keys }
      }
      mismatch(line)
      row(line)
    }
  }

  /// `size mismatch for KEY: … torch.Size([1]) from checkpoint, … torch.Size([2]).`
  private mutating func mismatch(_ line: Substring) {
    guard let start = line.firstRange(of: "size mismatch for "),
      let end = line[start.upperBound...].firstRange(of: ": copying a param"),
      let middle = line[end.upperBound...].firstRange(of: "from checkpoint")
    else { return }
    let name = String(line[start.upperBound..<end.lowerBound])
    missing.append(.init(name, KeyList.shape(in: line[middle.upperBound...])))
    unwanted.append(.init(name, KeyList.shape(in: line[end.upperBound..<middle.lowerBound])))
  }

  /// A row of the table that transformers 5 prints.
  private mutating func row(_ line: Substring) {
    let cells = line.split(separator: "|").map { $0.filter { $0 != " " || line.contains("{") } }
    guard cells.count >= 2 else { return }
    let status = cells[1].filter { $0 != " " }
    guard status == "MISSING" || status == "UNEXPECTED" else { return }
    var pattern = cells[0][...]
    while pattern.last == " " { pattern.removeLast() }
    let entries = KeyList.expand(String(pattern)).map { KeyList.Entry($0) }
    if status == "MISSING" { missing += entries } else { unwanted += entries }
  }

  /// The texts in quotes of either kind.
  private static func quoted(_ text: Substring) -> [String] {
    var result: [String] = []
    var rest = text
    while let start = rest.firstIndex(where: { $0 == "\"" || $0 == "'" }),
      let end = rest[rest.index(after: start)...].firstIndex(of: rest[start])
    {
      result.append(String(rest[rest.index(after: start)..<end]))
      rest = rest[rest.index(after: end)...]
    }
    return result
  }
}
