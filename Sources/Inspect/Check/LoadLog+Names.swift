/// Names in the middle of a text.
extension LoadLog {
  /// Names that a sentence gives, and whether their list was cut off.
  struct NameList: Equatable {
    var names: [String] = []
    var isCut = false
  }

  /// Quoted names, one after the other, as torch and Python's lists print them.
  static func names(_ text: Substring) -> NameList {
    var list = NameList()
    var rest = text.unicodeScalars
    func skip(_ scalars: Set<Unicode.Scalar>) {
      while let first = rest.first, scalars.contains(first) { rest.removeFirst() }
    }
    skip([" ", "\n", "\t", "[", "{", "("])
    while let quote = rest.first, quote == "\"" || quote == "'" {
      rest.removeFirst()
      guard let end = rest.prefix(maximumNameCount).firstIndex(of: quote),
        let name = name(rest[..<end])
      else {
        list.isCut = true
        break
      }
      list.names.append(name)
      rest = rest[rest.index(after: end)...]
      skip([" ", "\n", "\t"])
      let isFollowed = rest.first == ","
      skip([",", " ", "\n", "\t"])
      // People shorten lists before they show them; a whole one ends with a stop or a bracket.
      if rest.first == "…" || rest.starts(with: "...".unicodeScalars) || rest.isEmpty {
        list.isCut = true
        skip(["…", ".", ",", " ", "\n", "\t"])
      } else if !isFollowed {
        break
      }
    }
    return list
  }

  private static let maximumNameCount = 1000

  /// The name, which a terminal may have broken; nil where the closing quote is that of
  /// another name, since its own was cut off.
  private static func name(_ scalars: Substring.UnicodeScalarView) -> String? {
    guard !scalars.contains("\t"), !scalars.contains("…") else { return nil }
    let name = String(String.UnicodeScalarView(scalars.filter { $0 != "\n" }))
    return name.contains("...") || name.contains("key(s)") ? nil : name
  }

  /// The list after the next colon of the line: the sentence names a class before it.
  static func namesAfterColon(_ text: Substring) -> NameList {
    guard let colon = text.prefix(300).firstIndex(of: ":") else { return NameList() }
    let list = text[text.index(after: colon)...]
    return joinedNames(list) ?? names(list)
  }

  /// Names of which diffusers makes one string, the only one of its list; nil where a list
  /// is one of names.
  private static func joinedNames(_ text: Substring) -> NameList? {
    var rest = text.drop { $0.isWhitespace }
    guard rest.popFirst() == "[", let quote = rest.popFirst(), quote == "'" || quote == "\"" else {
      return nil
    }
    let string = rest.prefix { $0 != quote }
    let isCut = string.endIndex == rest.endIndex
    let names = string.filter { !$0.isNewline }.split(separator: ", ").map(String.init)
    guard names.count > 1 else { return nil }
    return NameList(names: isCut ? names.dropLast() : names, isCut: isCut)
  }

  /// What `load_model` of safetensors returns: the set of the keys that the file lacks and the
  /// list of those that the model lacks.
  mutating func readPair(_ text: String) {
    for opening in ["({'", "({\"", "(set(), ['"] {
      guard let start = text.firstRange(of: opening) else { continue }
      let missing = Self.names(text[start.lowerBound...])
      let rest = text[start.lowerBound...]
      guard let comma = rest.firstRange(of: missing.names.isEmpty ? "), [" : "}, [") else {
        continue
      }
      let unexpected = Self.names(rest[comma.upperBound...])
      guard (missing.names + unexpected.names).allSatisfy({ $0.contains(".") && !$0.contains(" ") })
      else { continue }
      load.missing += missing.names
      load.unexpected += unexpected.names
      subjects.insert(.model)
      return
    }
  }

  /// The list that soon follows, whatever expression of Python stands before it.
  static func namesOfList(_ text: Substring) -> NameList {
    text.prefix(60).firstIndex(of: "[").map { names(text[$0...]) } ?? NameList()
  }

  /// Names between commas up to the bracket, where one of the sentences of timm follows.
  static func namesInBrackets(_ text: Substring) -> NameList {
    let list = text.prefix { $0 != ")" }
    guard
      ["discovered", "found"].contains(where: {
        text[list.endIndex...].hasPrefix(") \($0) while loading")
      })
    else { return NameList() }
    return NameList(
      names: list.filter { !$0.isNewline }.split(separator: ", ").map(String.init))
  }

  /// Names without quotes between commas, as diffusers prints them, up to a full stop.
  static func bareNames(_ text: Substring) -> NameList {
    let quoted = names(text)
    guard quoted == NameList() else { return quoted }
    var line = text.drop { $0.isWhitespace }.prefix { !$0.isNewline }
    // Another sentence may follow.
    if let end = line.firstRange(of: ". ") { line = line[..<end.lowerBound] }
    let names = line.split(separator: ",").map { part in
      var name = part.drop { $0.isWhitespace }
      while let last = name.last, last.isWhitespace || last == "." { name.removeLast() }
      return String(name)
    }
    // A quote or a bracket is the rest of a list that was cut off.
    return NameList(names: names.filter { !$0.isEmpty && !$0.contains { " '\"[]".contains($0) } })
  }

  /// The name up to the next quote.
  static func nameBeforeQuote(_ text: Substring) -> NameList {
    guard let end = text.prefix(maximumNameCount).firstIndex(of: "\"") else { return NameList() }
    return NameList(names: [String(text[..<end].filter { !$0.isNewline })])
  }
}
