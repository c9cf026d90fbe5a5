import Formats

extension PythonPatternParser {
  /// What the characters after a `(` say about a group.
  enum GroupKind {
    case plain
    case recorded(name: String?)
    case look(PythonLook)
  }

  /// The forms that begin with `(?`; a text is what is said about one that this
  /// engine does not have. The first that fits counts.
  private static let kinds: [(start: String, kind: GroupKind?, unsupported: String)] = [
    ("?:", .plain, ""),
    ("?=", .look(PythonLook(isBehind: false, isNegative: false)), ""),
    ("?!", .look(PythonLook(isBehind: false, isNegative: true)), ""),
    ("?<=", .look(PythonLook(isBehind: true, isNegative: false)), ""),
    ("?<!", .look(PythonLook(isBehind: true, isNegative: true)), ""),
    ("?P=", nil, "a backreference"),
    ("?(", nil, "a condition"),
    ("?>", nil, "an atomic group"),
    ("?#", nil, "a comment"),
  ]

  /// Reads what stands between a `(` and the body of the group.
  mutating func groupKind(from start: Int) throws(PythonPatternFault) -> GroupKind {
    guard peek == "?" else { return .recorded(name: nil) }
    for form in Self.kinds where text[position...].starts(with: form.start.unicodeScalars) {
      guard let kind = form.kind else { throw unsupported(form.unsupported, at: start) }
      position += form.start.unicodeScalars.count
      return kind
    }
    if text[position...].starts(with: "?P<".unicodeScalars) {
      position += 3
      return .recorded(name: try groupName(from: start))
    }
    position += 1
    if let flag = peek, "aiLmsux-".unicodeScalars.contains(flag) {
      throw unsupported("flags", at: start)
    }
    throw malformed("an unknown kind of group", at: start)
  }

  /// Reads a name and the `>` after it.
  private mutating func groupName(from start: Int) throws(PythonPatternFault) -> String {
    var name = ""
    while let scalar = peek, scalar != ">" {
      name.unicodeScalars.append(scalar)
      position += 1
    }
    guard take(">") else { throw malformed("a group name without \">\"", at: start) }
    guard Self.isName(name) else {
      throw malformed("the group name \(name.quoted), which is no identifier,", at: start)
    }
    return name
  }

  private static func isName(_ text: String) -> Bool {
    guard let first = text.unicodeScalars.first else { return false }
    return (first == "_" || first.properties.isXIDStart)
      && text.unicodeScalars.allSatisfy(\.properties.isXIDContinue)
  }

  /// Reads `*`, `+`, `?` or numbers in braces; nil, and nothing read, where none
  /// stands there.
  mutating func repetition() throws(PythonPatternFault) -> PythonRepetition? {
    let start = position
    var times: PythonRepetition
    switch peek {
    case "*": times = PythonRepetition(minimum: 0, maximum: nil)
    case "+": times = PythonRepetition(minimum: 1, maximum: nil)
    case "?": times = PythonRepetition(minimum: 0, maximum: 1)
    case "{":
      guard let bounds = try bounds() else {
        position = start
        return nil
      }
      times = bounds
    default: return nil
    }
    position += 1
    if peek == "+" { throw unsupported("a possessive repetition", at: start) }
    times.isLazy = take("?")
    return times
  }

  /// Reads `{m}`, `{m,}`, `{,n}` or `{m,n}` without its last brace; nil for braces
  /// that stand for themselves.
  private mutating func bounds() throws(PythonPatternFault) -> PythonRepetition? {
    let start = position
    position += 1
    if peek == "}" { return nil }
    let low = digits()
    let high = take(",") ? digits() : low
    guard peek == "}" else { return nil }
    let minimum = low.isEmpty ? 0 : Int(low) ?? Int.max
    let maximum = high.isEmpty ? nil : Int(high) ?? Int.max
    for bound in [minimum, maximum ?? 0] where bound > PythonPattern.maximumRepetition {
      throw PythonPatternFault(
        .tooLarge(
          "has a repetition of more than \(PythonPattern.maximumRepetition) times at character "
            + "\(start + 1); no more are taken"))
    }
    if let maximum, maximum < minimum {
      throw malformed("the bounds {\(minimum),\(maximum)} backwards", at: start)
    }
    return PythonRepetition(minimum: minimum, maximum: maximum)
  }

  private mutating func digits() -> String {
    var result = ""
    while let scalar = peek, ("0"..."9").contains(scalar) {
      result.unicodeScalars.append(scalar)
      position += 1
    }
    return result
  }
}
