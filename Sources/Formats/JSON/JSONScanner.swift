/// A strict JSON reader that keeps the order of keys and the place of each byte.
///
/// The caller pulls one token after the other; nothing is built that the caller
/// does not ask for. Grammar as in RFC 8259, with the limits of the reference
/// reader of safetensors: nesting to 128 levels, no byte order mark, no comments,
/// no trailing commas, no lone surrogates, UTF-8 throughout.
public struct JSONScanner: Sendable {
  /// The deepest nesting of arrays and objects that is read.
  public static let maximumDepth = 128

  private let bytes: [UInt8]
  /// The position in the file of the first byte.
  private let base: Int
  private var position = 0
  /// Whether the bare words that Python writes for non-finite numbers are read.
  private let allowsNonFinite: Bool

  public init(_ bytes: [UInt8], base: Int = 0, allowsNonFinite: Bool = false) {
    self.bytes = bytes
    self.base = base
    self.allowsNonFinite = allowsNonFinite
  }

  /// The position in the file of the next byte.
  public var offset: Int { base + position }

  /// The next byte that is not white space, or nil at the end; not consumed.
  public mutating func peek() -> UInt8? {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x09, 0x0A, 0x0D: position += 1
      default: return bytes[position]
      }
    }
    return nil
  }

  /// Consumes `byte` if it is next.
  public mutating func consume(_ byte: UInt8) -> Bool {
    guard peek() == byte else { return false }
    position += 1
    return true
  }

  /// Consumes `byte` or says what stands there instead.
  public mutating func expect(_ byte: UInt8, _ what: @autoclosure () -> String)
    throws(CheckpointError)
  {
    guard consume(byte) else { throw unexpected(what()) }
  }

  /// Makes sure that nothing but white space is left.
  public mutating func expectEnd() throws(CheckpointError) {
    guard peek() == nil else { throw unexpected("the end of the JSON text") }
  }

  /// The error for what stands here instead of `expected`.
  public mutating func unexpected(_ expected: String) -> CheckpointError {
    guard let byte = peek() else {
      return CheckpointError(offset: offset, "the JSON text ends where \(expected) was expected")
    }
    let found =
      byte > 0x20 && byte < 0x7F
      ? "\"\(Character(Unicode.Scalar(byte)))\"" : "byte 0x\(String(byte, radix: 16))"
    return CheckpointError(offset: offset, "\(expected) expected, but found \(found)")
  }

  /// Reads an object, calling `member` with each key when the value is next.
  public mutating func object(
    _ what: @autoclosure () -> String,
    member: (inout JSONScanner, _ key: String, _ keyOffset: Int) throws(CheckpointError) -> Void
  ) throws(CheckpointError) {
    try expect(UInt8(ascii: "{"), what())
    if consume(UInt8(ascii: "}")) { return }
    repeat {
      guard peek() == UInt8(ascii: "\"") else { throw unexpected("a key in double quotes") }
      let keyOffset = offset
      let key = try string("a key")
      try expect(UInt8(ascii: ":"), "\":\" after a key")
      try member(&self, key, keyOffset)
    } while consume(UInt8(ascii: ","))
    try expect(UInt8(ascii: "}"), "\",\" or \"}\"")
  }

  /// Reads an object as `object(_:member:)` does, but for some known keys: they cost
  /// no string. `member` gets nil for any other key.
  mutating func object<Key: CaseIterable & RawRepresentable<String>>(
    _ what: @autoclosure () -> String, keys: Key.Type,
    member: (inout JSONScanner, _ key: Key?, _ keyOffset: Int) throws(CheckpointError) -> Void
  ) throws(CheckpointError) {
    try expect(UInt8(ascii: "{"), what())
    if consume(UInt8(ascii: "}")) { return }
    repeat {
      guard peek() == UInt8(ascii: "\"") else { throw unexpected("a key in double quotes") }
      let keyOffset = offset
      let key = try key(keys)
      try expect(UInt8(ascii: ":"), "\":\" after a key")
      try member(&self, key, keyOffset)
    } while consume(UInt8(ascii: ","))
    try expect(UInt8(ascii: "}"), "\",\" or \"}\"")
  }

  private mutating func key<Key: CaseIterable & RawRepresentable<String>>(_: Key.Type)
    throws(CheckpointError) -> Key?
  {
    for key in Key.allCases where consume(quoted: key.rawValue) { return key }
    // Escapes may spell a known key as well.
    return Key(rawValue: try string("a key"))
  }

  /// Consumes a string that is next if it is `text`, written without escapes.
  private mutating func consume(quoted text: String) -> Bool {
    let text = text.utf8.span
    let end = position + 1 + text.count
    guard end < bytes.count, bytes[end] == UInt8(ascii: "\"") else { return false }
    for index in text.indices where text[index] != bytes[position + 1 + index] { return false }
    position = end + 1
    return true
  }

  /// Reads an array, calling `element` when each element is next.
  public mutating func array(
    _ what: @autoclosure () -> String,
    element: (inout JSONScanner) throws(CheckpointError) -> Void
  ) throws(CheckpointError) {
    try expect(UInt8(ascii: "["), what())
    if consume(UInt8(ascii: "]")) { return }
    repeat {
      try element(&self)
    } while consume(UInt8(ascii: ","))
    try expect(UInt8(ascii: "]"), "\",\" or \"]\"")
  }

  /// Consumes `word` if it is next.
  public mutating func consume(word: StaticString) -> Bool {
    guard peek() != nil, word.utf8CodeUnitCount <= bytes.count - position else { return false }
    let matches = word.withUTF8Buffer { text in
      for index in text.indices where unsafe text[index] != bytes[position + index] {
        return false
      }
      return true
    }
    if matches { position += word.utf8CodeUnitCount }
    return matches
  }
}

// MARK: - Strings

extension JSONScanner {
  /// Reads a string and undoes its escapes.
  public mutating func string(_ what: @autoclosure () -> String) throws(CheckpointError) -> String {
    guard peek() == UInt8(ascii: "\"") else { throw unexpected("\(what()) in double quotes") }
    let start = position + 1
    let end = bytes.span.endOfPlainText(from: start)
    guard end < bytes.count else {
      throw CheckpointError(offset: base + start - 1, "a string that starts here does not end")
    }
    switch bytes[end] {
    case UInt8(ascii: "\""):
      let text = try decoded(bytes.span.extracting(start..<end), at: start)
      position = end + 1
      return text
    case UInt8(ascii: "\\"): return try escapedString(from: start, firstEscape: end)
    default: throw controlCharacter(at: end)
    }
  }

  private func controlCharacter(at index: Int) -> CheckpointError {
    CheckpointError(
      offset: base + index,
      "control character 0x\(String(bytes[index], radix: 16)) inside a string")
  }

  /// The text of bytes that lie at `start`.
  private func decoded(_ text: Span<UInt8>, at start: Int) throws(CheckpointError) -> String {
    guard let utf8 = try? UTF8Span(validating: text) else {
      throw CheckpointError(offset: base + start, "a string is not valid UTF-8")
    }
    return String(copying: utf8)
  }

  private mutating func escapedString(from start: Int, firstEscape: Int) throws(CheckpointError)
    -> String
  {
    var text = Array(bytes[start..<firstEscape])
    var index = firstEscape
    while index < bytes.count {
      let byte = bytes[index]
      switch byte {
      case UInt8(ascii: "\""):
        position = index + 1
        return try decoded(text.span, at: start)
      case UInt8(ascii: "\\"):
        let (scalar, next) = try escape(at: index)
        text.append(contentsOf: Array(String(Character(scalar)).utf8))
        index = next
      case 0..<0x20: throw controlCharacter(at: index)
      default:
        text.append(byte)
        index += 1
      }
    }
    throw CheckpointError(offset: base + start - 1, "a string that starts here does not end")
  }

  private static let simpleEscapes: [UInt8: Unicode.Scalar] = [
    UInt8(ascii: "\""): "\"", UInt8(ascii: "\\"): "\\", UInt8(ascii: "/"): "/",
    UInt8(ascii: "b"): "\u{08}", UInt8(ascii: "f"): "\u{0C}", UInt8(ascii: "n"): "\n",
    UInt8(ascii: "r"): "\r", UInt8(ascii: "t"): "\t",
  ]

  /// The scalar that the escape at `index` stands for, and the index behind it.
  private func escape(at index: Int) throws(CheckpointError) -> (Unicode.Scalar, Int) {
    guard index + 1 < bytes.count else {
      throw CheckpointError(offset: base + index, "an escape is cut off by the end of the text")
    }
    if let scalar = Self.simpleEscapes[bytes[index + 1]] { return (scalar, index + 2) }
    let first = try codeUnit(at: index)
    if let scalar = Unicode.Scalar(first) { return (scalar, index + 6) }
    let lone = CheckpointError(
      offset: base + index, "a lone surrogate escape, which is no character")
    guard first < 0xDC00 else { throw lone }
    guard index + 6 < bytes.count, bytes[index + 6] == UInt8(ascii: "\\") else { throw lone }
    let second = try codeUnit(at: index + 6)
    guard (0xDC00...0xDFFF).contains(second) else { throw lone }
    let value = 0x10000 + (UInt32(first) - 0xD800) << 10 + (UInt32(second) - 0xDC00)
    guard let scalar = Unicode.Scalar(value) else { throw lone }
    return (scalar, index + 12)
  }

  /// The UTF-16 code unit that `\uXXXX` at `index` names.
  private func codeUnit(at index: Int) throws(CheckpointError) -> UInt16 {
    guard index + 1 < bytes.count, bytes[index + 1] == UInt8(ascii: "u") else {
      throw CheckpointError(offset: base + index, "an unknown escape")
    }
    guard index + 6 <= bytes.count else {
      throw CheckpointError(offset: base + index, "an escape is cut off by the end of the text")
    }
    var value: UInt16 = 0
    for byte in bytes[index + 2..<index + 6] {
      guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else {
        throw CheckpointError(offset: base + index, "an escape without four hexadecimal digits")
      }
      value = value << 4 | UInt16(digit)
    }
    return value
  }
}

// MARK: - Numbers and skipping

extension JSONScanner {
  /// Reads a number and returns its text, checked against the grammar.
  public mutating func number(_ what: @autoclosure () -> String) throws(CheckpointError) -> String {
    guard let first = peek(), first == UInt8(ascii: "-") || Self.isDigit(first) else {
      throw unexpected(what())
    }
    let start = position
    var index = position
    if first == UInt8(ascii: "-") { index += 1 }
    let leadingZero = index < bytes.count && bytes[index] == UInt8(ascii: "0")
    let whole = digits(from: &index)
    var valid = whole == 1 || (whole > 1 && !leadingZero)
    if index < bytes.count, bytes[index] == UInt8(ascii: ".") {
      index += 1
      valid = digits(from: &index) > 0 && valid
    }
    if index < bytes.count, bytes[index] | 0x20 == UInt8(ascii: "e") {
      index += 1
      if index < bytes.count, bytes[index] == UInt8(ascii: "+") || bytes[index] == UInt8(ascii: "-")
      {
        index += 1
      }
      valid = digits(from: &index) > 0 && valid
    }
    guard valid else { throw CheckpointError(offset: base + start, "a number is malformed") }
    position = index
    return String(decoding: bytes[start..<index], as: UTF8.self)
  }

  /// Reads a plain non-negative integer that fits into an `Int`.
  public mutating func count(_ what: @autoclosure () -> String) throws(CheckpointError) -> Int {
    guard let first = peek(), Self.isDigit(first) else {
      throw unexpected("\(what()), a non-negative integer,")
    }
    let start = position
    var value = 0
    var overflow = false
    while position < bytes.count, Self.isDigit(bytes[position]) {
      let (tens, over) = value.multipliedReportingOverflow(by: 10)
      let (sum, overAgain) = tens.addingReportingOverflow(Int(bytes[position] & 0x0F))
      overflow = overflow || over || overAgain
      value = sum
      position += 1
    }
    let isInteger =
      position == bytes.count
      || ![UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E")].contains(bytes[position])
    let leadingZero = first == UInt8(ascii: "0") && position - start > 1
    guard isInteger, !leadingZero else {
      throw CheckpointError(
        offset: base + start, "\(what()) must be a plain non-negative integer")
    }
    guard !overflow else {
      throw CheckpointError(offset: base + start, "\(what()) does not fit into 63 bits")
    }
    return value
  }

  /// Reads any value and forgets it. Malformed text is an error all the same.
  public mutating func skipValue(depth: Int = 1) throws(CheckpointError) {
    switch peek() {
    case UInt8(ascii: "{"):
      try checkDepth(depth)
      try object("an object") { (scanner, _, _) throws(CheckpointError) in
        try scanner.skipValue(depth: depth + 1)
      }
    case UInt8(ascii: "["):
      try checkDepth(depth)
      try array("an array") { (scanner) throws(CheckpointError) in
        try scanner.skipValue(depth: depth + 1)
      }
    case UInt8(ascii: "\""): _ = try string("a string")
    default:
      if consume(word: "true") || consume(word: "false") || consume(word: "null") { return }
      if consumeNonFinite() != nil { return }
      _ = try number("a value")
    }
  }

  func checkDepth(_ depth: Int) throws(CheckpointError) {
    guard depth < Self.maximumDepth else {
      throw CheckpointError(
        offset: offset, "values are nested deeper than \(Self.maximumDepth) levels")
    }
  }

  /// Consumes one of Python's words for a number that JSON does not have.
  mutating func consumeNonFinite() -> String? {
    guard allowsNonFinite else { return nil }
    if consume(word: "NaN") { return "NaN" }
    if consume(word: "Infinity") { return "Infinity" }
    if consume(word: "-Infinity") { return "-Infinity" }
    return nil
  }

  private static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

  private func digits(from index: inout Int) -> Int {
    let start = index
    while index < bytes.count, Self.isDigit(bytes[index]) { index += 1 }
    return index - start
  }
}
