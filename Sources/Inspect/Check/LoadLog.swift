import Formats

/// The text of a failed load taken apart: the keys that it names, and known sentences.
///
/// Torch, PEFT, transformers (the sentences of version 4, the table of version 5) and
/// diffusers are understood, also where a terminal broke lines or the text was cut.
struct LoadLog {
  /// What the lists are about.
  enum Subject: Hashable, Sendable {
    /// A model that was given a state dict.
    case model
    /// An adapter that was put onto a model.
    case adapter
  }

  private(set) var load = StrictLoad()
  private(set) var subjects: Set<Subject> = []
  /// Whether names were given as patterns, which stand for more than was said.
  private(set) var isFolded = false
  /// What is known of the sentences that it holds, in the order of the table.
  let failures: [KnownFailure]

  /// Whether there is anything in it that can be explained.
  var isEmpty: Bool { load.isClean && failures.isEmpty }

  init(_ text: String) {
    let text = Self.plain(text)
    failures = KnownFailure.found(in: text)
    for phrase in Self.phrases {
      var rest = text[...]
      while let range = rest.firstRange(of: phrase.text) {
        rest = rest[range.upperBound...]
        let names = phrase.names(rest)
        guard !names.isEmpty else { continue }
        subjects.insert(phrase.subject)
        switch phrase.list {
        case .missing: load.missing += names
        case .unexpected: load.unexpected += names
        }
      }
    }
    readMismatches(text)
    readTable(text)
    load.missing = Self.distinct(load.missing)
    load.unexpected = Self.distinct(load.unexpected)
    load.mismatched = Self.distinct(load.mismatched)
  }

  private struct Phrase: Sendable {
    enum List: Sendable { case missing, unexpected }
    let text: String
    let list: List
    let subject: Subject
    let names: @Sendable (Substring) -> [String]

    init(
      _ text: String, _ list: List, _ subject: Subject = .model,
      _ names: @escaping @Sendable (Substring) -> [String] = { LoadLog.names($0) }
    ) {
      self.text = text
      self.list = list
      self.subject = subject
      self.names = names
    }
  }

  private static let phrases = [
    Phrase("Missing key(s) in state_dict:", .missing),
    Phrase("Unexpected key(s) in state_dict:", .unexpected),
    Phrase("missing_keys=", .missing),
    Phrase("unexpected_keys=", .unexpected),
    Phrase("Found missing adapter keys while loading the checkpoint:", .missing, .adapter),
    Phrase("are newly initialized:", .missing),
    Phrase(" when initializing ", .unexpected, .model, { LoadLog.namesAfterColon($0) }),
    Phrase("unexpected keys found in the model:", .unexpected, .adapter),
    Phrase("missing keys in the model:", .missing, .adapter),
    Phrase("because the following keys are missing:", .missing, .model, { LoadLog.bareNames($0) }),
    Phrase("The following keys have not been correctly renamed:", .unexpected, .adapter),
  ]

  /// The text without the colours of a terminal.
  private static func plain(_ text: String) -> String {
    guard text.utf8.contains(0x1B) else { return text }
    var result = String.UnicodeScalarView()
    var isInside = false
    for scalar in text.unicodeScalars {
      if scalar == "\u{1B}" {
        isInside = true
      } else if isInside {
        if ("A"..."Z").contains(scalar) || ("a"..."z").contains(scalar) { isInside = false }
      } else {
        result.append(scalar)
      }
    }
    return String(result)
  }

  /// Quoted names, one after the other, as torch and Python's lists print them.
  static func names(_ text: Substring) -> [String] {
    var names: [String] = []
    var rest = text.unicodeScalars
    func skip(_ scalars: Set<Unicode.Scalar>) {
      while let first = rest.first, scalars.contains(first) { rest.removeFirst() }
    }
    skip([" ", "\n", "\r", "\t", "[", "{", "("])
    while let quote = rest.first, quote == "\"" || quote == "'" {
      rest.removeFirst()
      guard let end = rest.firstIndex(of: quote) else { break }
      // A terminal may have broken a long name.
      names.append(
        String(String.UnicodeScalarView(rest[..<end].filter { $0 != "\n" && $0 != "\r" })))
      rest = rest[rest.index(after: end)...]
      skip([" ", "\n", "\r", "\t"])
      guard rest.first == "," else { break }
      skip([",", " ", "\n", "\r", "\t"])
    }
    return names
  }

  /// The list after the next colon of the line: the sentence names a class before it.
  private static func namesAfterColon(_ text: Substring) -> [String] {
    guard let colon = text.prefix(300).firstIndex(of: ":") else { return [] }
    return names(text[text.index(after: colon)...])
  }

  /// Names without quotes between commas, as diffusers prints them, up to a full stop.
  private static func bareNames(_ text: Substring) -> [String] {
    let quoted = names(text)
    guard quoted.isEmpty else { return quoted }
    let line = text.drop { $0.isWhitespace }.prefix { !$0.isNewline }
    return line.split(separator: ",").map { part in
      var name = part.drop { $0.isWhitespace }
      while let last = name.last, last.isWhitespace || last == "." { name.removeLast() }
      return String(name)
    }.filter { !$0.isEmpty && !$0.contains(" ") }
  }

  /// The sentences about shapes of torch, old and new, and of transformers 4.
  private mutating func readMismatches(_ text: String) {
    var rest = text[...]
    while let range = rest.firstRange(of: "size mismatch for ") {
      rest = rest[range.upperBound...]
      let name = rest.prefix { $0 != ":" && !$0.isNewline }
      let sentence = rest.dropFirst(name.count).prefix { !$0.isNewline }
      guard let (found, expected) = Self.shapes(sentence) else { continue }
      note(String(name), expected: expected, found: found)
    }
    for line in text.split(whereSeparator: \.isNewline) {
      guard line.contains(": found shape "), line.contains("in the model instantiated") else {
        continue
      }
      let body = line.drop { $0 == "-" || $0.isWhitespace }
      let name = body.prefix { $0 != ":" }
      guard let (found, expected) = Self.shapes(body.dropFirst(name.count)) else { continue }
      note(String(name), expected: expected, found: found)
    }
  }

  private mutating func note(_ name: String, expected: [Int], found: [Int]) {
    subjects.insert(AdapterKey.hasLeaf(name) ? .adapter : .model)
    load.mismatched.append(StrictLoad.Mismatch(name, expected: expected, found: found))
  }

  /// The first two lists of numbers in brackets.
  static func shapes(_ text: Substring) -> ([Int], [Int])? {
    var shapes: [[Int]] = []
    var rest = text
    while shapes.count < 2, let start = rest.firstRange(of: "torch.Size([") {
      rest = rest[start.upperBound...]
      guard let end = rest.firstIndex(of: "]") else { return nil }
      let parts = rest[..<end].split(whereSeparator: { $0 == "," || $0 == " " })
      let numbers = parts.compactMap { Int($0) }
      guard numbers.count == parts.count, numbers.allSatisfy({ $0 >= 0 }) else { return nil }
      shapes.append(numbers)
    }
    return shapes.count == 2 ? (shapes[0], shapes[1]) : nil
  }

  /// The table of transformers 5.
  private mutating func readTable(_ text: String) {
    guard text.contains("LOAD REPORT") else { return }
    for line in text.split(whereSeparator: \.isNewline) {
      let cells = line.split(separator: "|", omittingEmptySubsequences: false)
        .map { $0.split(separator: " ").joined(separator: " ") }
      guard cells.count >= 2, ["MISSING", "UNEXPECTED", "MISMATCH"].contains(cells[1]) else {
        continue
      }
      let pattern = FoldedLine(cells[0])
      isFolded = isFolded || pattern.isFolded
      subjects.insert(.model)
      switch cells[1] {
      case "MISSING": load.missing += pattern.names
      case "UNEXPECTED": load.unexpected += pattern.names
      default:
        guard let (found, expected) = Self.shapes(line[...]) else { continue }
        load.mismatched += pattern.names.map {
          StrictLoad.Mismatch($0, expected: expected, found: found)
        }
      }
    }
  }

  private static func distinct<Value: Hashable>(_ values: [Value]) -> [Value] {
    var seen: Set<Value> = []
    return values.filter { seen.insert($0).inserted }
  }
}
