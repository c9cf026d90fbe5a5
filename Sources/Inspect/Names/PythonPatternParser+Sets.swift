import Formats

extension PythonPatternParser {
  /// What can stand in a class, or after a backslash.
  fileprivate enum Member {
    case scalar(Unicode.Scalar)
    case scalarClass(PythonScalarClass)
  }

  /// The escapes that stand for one character.
  private static let controls: [Unicode.Scalar: Unicode.Scalar] = [
    "a": "\u{7}", "f": "\u{C}", "n": "\n", "r": "\r", "t": "\t", "v": "\u{B}",
  ]

  private static let assertions: [Unicode.Scalar: PythonAssertion] = [
    "A": .textStart, "Z": .textEnd, "b": .wordBoundary, "B": .notWordBoundary,
  ]

  /// The number of digits that follow `\x`, `\u` and `\U`.
  private static let digitCounts: [Unicode.Scalar: Int] = ["x": 2, "u": 4, "U": 8]

  /// Reads what follows a backslash outside of brackets.
  mutating func escape(from start: Int) throws(PythonPatternFault) -> PythonPatternTree {
    if let letter = peek {
      if let assertion = Self.assertions[letter] {
        position += 1
        return .assertion(assertion)
      }
      if ("1"..."9").contains(letter) { throw unsupported("a backreference", at: start) }
    }
    switch try escapedMember(from: start) {
    case .scalar(let scalar): return .scalar(scalar)
    case .scalarClass(let scalarClass): return .set(PythonScalarSet(scalarClass))
    }
  }

  /// Reads `abc0-9]` or `^abc0-9]`, after the opening bracket at `start`.
  mutating func set(from start: Int) throws(PythonPatternFault) -> PythonScalarSet {
    var result = PythonScalarSet()
    let isNegated = take("^")
    let first = position
    while position == first || peek != "]" {
      let memberStart = position
      let low = try member(of: start)
      guard peek == "-", position + 1 < text.count, text[position + 1] != "]" else {
        result.insert(low)
        continue
      }
      position += 1
      let high = try member(of: start)
      guard case .scalar(let from) = low, case .scalar(let to) = high, from <= to else {
        let range = String(String.UnicodeScalarView(text[memberStart..<position]))
        throw malformed("the class range \(range.quoted)", at: memberStart)
      }
      result.insert(from...to)
    }
    position += 1
    if isNegated { result.negate() }
    return result
  }

  /// Reads one member of the class whose bracket is at `start`.
  private mutating func member(of start: Int) throws(PythonPatternFault) -> Member {
    guard let scalar = peek else { throw malformed("a \"[\" without \"]\"", at: start) }
    position += 1
    guard scalar == "\\" else { return .scalar(scalar) }
    if take("b") { return .scalar("\u{8}") }
    return try escapedMember(from: position - 1)
  }

  /// Reads what follows the backslash at `start` where it stands for characters.
  private mutating func escapedMember(from start: Int) throws(PythonPatternFault) -> Member {
    guard let letter = peek else { throw malformed("a single \"\\\"", at: start) }
    position += 1
    if let scalarClass = PythonScalarClass(escape: letter) { return .scalarClass(scalarClass) }
    if let control = Self.controls[letter] { return .scalar(control) }
    if let count = Self.digitCounts[letter] {
      return .scalar(try hexadecimal(count, from: start))
    }
    switch letter {
    case "0"..."7": throw unsupported("an octal escape", at: start)
    case "N": throw unsupported("a character by its name", at: start)
    case "a"..."z", "A"..."Z", "8", "9": throw malformed("the escape \\\(letter)", at: start)
    default: return .scalar(letter)
    }
  }

  private mutating func hexadecimal(
    _ count: Int, from start: Int
  ) throws(PythonPatternFault) -> Unicode.Scalar {
    let digits = text[position...].prefix(count).prefix(while: \.properties.isASCIIHexDigit)
    position += digits.count
    let written = String(String.UnicodeScalarView(text[start..<position]))
    guard digits.count == count,
      let value = UInt32(String(String.UnicodeScalarView(digits)), radix: 16),
      let scalar = Unicode.Scalar(value)
    else { throw malformed("the escape \(written.quoted), which is no character,", at: start) }
    return scalar
  }
}

extension PythonScalarSet {
  fileprivate mutating func insert(_ member: PythonPatternParser.Member) {
    switch member {
    case .scalar(let scalar): insert(scalar...scalar)
    case .scalarClass(let scalarClass): insert(scalarClass)
    }
  }
}
