/// Names in the middle of a text.
extension LoadLog {
  /// The text without the colours of a terminal.
  static func plain(_ text: String) -> String {
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
  static func namesAfterColon(_ text: Substring) -> [String] {
    guard let colon = text.prefix(300).firstIndex(of: ":") else { return [] }
    return names(text[text.index(after: colon)...])
  }

  /// Names without quotes between commas, as diffusers prints them, up to a full stop.
  static func bareNames(_ text: Substring) -> [String] {
    let quoted = names(text)
    guard quoted.isEmpty else { return quoted }
    var line = text.drop { $0.isWhitespace }.prefix { !$0.isNewline }
    // Another sentence may follow.
    if let end = line.firstRange(of: ". ") { line = line[..<end.lowerBound] }
    return line.split(separator: ",").map { part in
      var name = part.drop { $0.isWhitespace }
      while let last = name.last, last.isWhitespace || last == "." { name.removeLast() }
      return String(name)
    }
    // A quote or a bracket is the rest of a list that was cut off.
    .filter { !$0.isEmpty && !$0.contains { " '\"[]".contains($0) } }
  }
}
