import Formats

/// Reads a regular expression in the syntax of Python's `re`.
struct PythonPatternParser {
  /// The deepest nesting of groups.
  static let maximumDepth = 100

  let text: [Unicode.Scalar]
  var position = 0
  /// The number of groups that are recorded.
  private(set) var groupCount = 0
  private(set) var groupNames: [ExactName: Int] = [:]
  /// The groups inside `(?=…)` and the like, whose places are not recorded.
  private(set) var hiddenGroups: Set<Int> = []
  private var lookDepth = 0

  init(_ source: String) { text = Array(source.unicodeScalars) }

  mutating func parse() throws(PythonPatternFault) -> PythonPatternTree {
    guard text.count <= PythonPattern.maximumLength else {
      throw PythonPatternFault(
        .tooLarge(
          "has \(text.count) characters; patterns of at most \(PythonPattern.maximumLength) "
            + "are taken"))
    }
    let tree = try alternatives(depth: 0)
    if position < text.count { throw malformed("a \")\" without \"(\"", at: position) }
    return tree
  }

  /// Reads up to the end or to a `)`.
  private mutating func alternatives(depth: Int) throws(PythonPatternFault) -> PythonPatternTree {
    var branches = [try sequence(depth: depth)]
    while take("|") { branches.append(try sequence(depth: depth)) }
    return branches.count == 1 ? branches[0] : .alternatives(branches)
  }

  private mutating func sequence(depth: Int) throws(PythonPatternFault) -> PythonPatternTree {
    var parts: [PythonPatternTree] = []
    while let next = peek, next != "|", next != ")" {
      let start = position
      if let times = try repetition() {
        parts.append(try repeated(parts.popLast(), times, at: start))
      } else {
        parts.append(try item(depth: depth))
      }
    }
    return parts.count == 1 ? parts[0] : .sequence(parts)
  }

  /// One character, class, assertion or group.
  private mutating func item(depth: Int) throws(PythonPatternFault) -> PythonPatternTree {
    let start = position
    position += 1
    switch text[start] {
    case ".": return .anyButLineFeed
    case "^": return .assertion(.textStart)
    case "$": return .assertion(.lineEnd)
    case "[": return .set(try set(from: start))
    case "\\": return try escape(from: start)
    case "(": return try group(from: start, depth: depth + 1)
    default: return .scalar(text[start])
    }
  }

  private func repeated(
    _ part: PythonPatternTree?, _ times: PythonRepetition, at start: Int
  ) throws(PythonPatternFault) -> PythonPatternTree {
    switch part {
    case nil, .assertion:
      throw malformed("a \"\(text[start])\" with nothing to repeat", at: start)
    case .repetition:
      throw malformed("a \"\(text[start])\" after another repetition", at: start)
    case .some(let part): return .repetition(part, times)
    }
  }

  /// Reads what follows a `(`, up to its `)`.
  private mutating func group(
    from start: Int, depth: Int
  ) throws(PythonPatternFault) -> PythonPatternTree {
    guard depth <= Self.maximumDepth else {
      throw PythonPatternFault(
        .tooLarge("nests groups more than \(Self.maximumDepth) deep; no more are taken"))
    }
    let kind = try groupKind(from: start)
    var number: Int?
    if case .recorded(let name) = kind { number = try openGroup(name, from: start) }
    if case .look = kind { lookDepth += 1 }
    let body = try alternatives(depth: depth)
    guard take(")") else { throw malformed("a \"(\" without \")\"", at: start) }
    guard case .look(let look) = kind else {
      // The body of a group may be repeated even where it is itself a repetition.
      return number.map { .group($0, body) } ?? .sequence([body])
    }
    lookDepth -= 1
    let width = body.width
    if look.isBehind, width.most != width.least {
      throw malformed("a look-behind without a fixed width", at: start)
    }
    return .look(body, look)
  }

  private mutating func openGroup(
    _ name: String?, from start: Int
  ) throws(PythonPatternFault) -> Int {
    groupCount += 1
    guard groupCount <= PythonPattern.maximumGroupCount else {
      throw PythonPatternFault(
        .tooLarge("has more than \(PythonPattern.maximumGroupCount) groups; no more are taken"))
    }
    if lookDepth > 0 { hiddenGroups.insert(groupCount) }
    if let name, groupNames.updateValue(groupCount, forKey: ExactName(name)) != nil {
      throw malformed("a second group with the name \(name.quoted)", at: start)
    }
    return groupCount
  }

  var peek: Unicode.Scalar? { position < text.count ? text[position] : nil }

  mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    guard peek == scalar else { return false }
    position += 1
    return true
  }

  func malformed(_ what: String, at offset: Int) -> PythonPatternFault {
    PythonPatternFault(.malformed(what, at: offset))
  }

  func unsupported(_ what: String, at offset: Int) -> PythonPatternFault {
    PythonPatternFault(.unsupported(what, at: offset))
  }
}
