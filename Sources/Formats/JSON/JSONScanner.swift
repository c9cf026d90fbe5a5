/// A strict JSON reader that keeps the order of keys and the place of each byte.
///
/// The caller pulls one token after the other; nothing is built that the caller
/// does not ask for. Grammar as in RFC 8259, with the limits of the reference
/// reader of safetensors: nesting to 128 levels, no byte order mark, no comments,
/// no trailing commas, no lone surrogates, UTF-8 throughout.
public struct JSONScanner: Sendable {
  /// The deepest nesting of arrays and objects that is read.
  public static let maximumDepth = 128

  let bytes: [UInt8]
  /// The position in the file of the first byte.
  let base: Int
  var position = 0
  /// Whether the bare words that Python writes for non-finite numbers are read.
  let allowsNonFinite: Bool

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
}
