/// Writes JSON into a buffer, key after key; the caller gives the order.
///
/// The text is UTF-8; only what JSON demands is escaped.
public struct JSONWriter: Sendable {
  /// The text so far.
  public private(set) var bytes: [UInt8] = []
  private var needsComma = false
  private var follows = Follows.opening
  private var depth = 0
  /// Whether each member stands on a line of its own, indented by two spaces,
  /// as Hugging Face tools write their configurations.
  private let isIndented: Bool

  /// What was written last, as far as white space cares.
  private enum Follows { case opening, key, value }

  /// Takes what was written whenever it is much.
  private let sink: (@Sendable ([UInt8]) -> Void)?
  private static let sinkByteCount = 128 << 10

  /// A writer that keeps the text, or hands all but the end of it to `sink`.
  public init(isIndented: Bool = false, sink: (@Sendable ([UInt8]) -> Void)? = nil) {
    self.isIndented = isIndented
    self.sink = sink
  }

  /// The text, or what the sink has not got of it, with a line break at its end.
  public consuming func document() -> [UInt8] {
    bytes.append(UInt8(ascii: "\n"))
    return bytes
  }

  /// Writes an object whose members `body` writes.
  public mutating func object(_ body: (inout JSONWriter) -> Void) {
    open(UInt8(ascii: "{"))
    body(&self)
    close(UInt8(ascii: "}"))
  }

  /// Writes an array whose elements `body` writes.
  public mutating func array(_ body: (inout JSONWriter) -> Void) {
    open(UInt8(ascii: "["))
    body(&self)
    close(UInt8(ascii: "]"))
  }

  /// Writes the key of the value that comes next, which needs no escapes.
  public mutating func key(_ key: StaticString) {
    separate()
    bytes.append(UInt8(ascii: "\""))
    // The compiler's own bytes, copied while they are borrowed.
    key.withUTF8Buffer { unsafe bytes.append(contentsOf: $0) }
    bytes.append(UInt8(ascii: "\""))
    endKey()
  }

  /// Writes a key that is data.
  public mutating func key(named key: String) {
    string(key)
    endKey()
  }

  private mutating func endKey() {
    bytes.append(UInt8(ascii: ":"))
    if isIndented { bytes.append(UInt8(ascii: " ")) }
    needsComma = false
    follows = .key
  }

  public mutating func string(_ text: String) {
    separate()
    bytes.append(UInt8(ascii: "\""))
    // Names rarely need escapes, and copying them whole is quicker.
    let isPlain = text.utf8.span.endOfPlainText() == text.utf8.count
    if isPlain { bytes.append(contentsOf: text.utf8) } else { escape(text) }
    bytes.append(UInt8(ascii: "\""))
    needsComma = true
  }

  private mutating func escape(_ text: String) {
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""): bytes.append(contentsOf: #"\""#.utf8)
      case UInt8(ascii: "\\"): bytes.append(contentsOf: #"\\"#.utf8)
      case 0x08: bytes.append(contentsOf: #"\b"#.utf8)
      case 0x09: bytes.append(contentsOf: #"\t"#.utf8)
      case 0x0A: bytes.append(contentsOf: #"\n"#.utf8)
      case 0x0C: bytes.append(contentsOf: #"\f"#.utf8)
      case 0x0D: bytes.append(contentsOf: #"\r"#.utf8)
      case 0..<0x20:
        let digits = String(byte, radix: 16)
        bytes.append(contentsOf: #"\u00"#.utf8)
        if digits.utf8.count == 1 { bytes.append(UInt8(ascii: "0")) }
        bytes.append(contentsOf: digits.utf8)
      default: bytes.append(byte)
      }
    }
  }

  public mutating func integer(_ value: Int) {
    guard 0..<10 ~= value else { return raw(String(value)) }
    separate()
    bytes.append(UInt8(ascii: "0") + UInt8(value))
    needsComma = true
  }

  public mutating func bool(_ value: Bool) { raw(value ? "true" : "false") }
  public mutating func null() { raw("null") }

  /// Writes a number in the shortest form that reads back as the same double;
  /// a number that JSON does not have becomes `null`.
  public mutating func double(_ value: Double) {
    guard value.isFinite else { return null() }
    if let whole = Int(exactly: value), abs(whole) < 1 << 53 {
      raw(value.sign == .minus && whole == 0 ? "-0.0" : "\(whole)")
    } else {
      raw("\(value)")
    }
  }

  public mutating func value(_ value: JSONValue) {
    switch value {
    case .null: null()
    case .bool(let flag): bool(flag)
    case .number(let text): raw(text)
    case .string(let text): string(text)
    case .array(let elements):
      array { for element in elements { $0.value(element) } }
    case .object(let members):
      object {
        for member in members {
          $0.key(named: member.key)
          $0.value(member.value)
        }
      }
    }
  }

  private mutating func raw(_ text: String) {
    separate()
    bytes.append(contentsOf: text.utf8)
    needsComma = true
  }

  private mutating func separate() {
    if needsComma { bytes.append(UInt8(ascii: ",")) }
    if follows != .key, depth > 0 { breakLine() }
    needsComma = false
    follows = .value
  }

  private mutating func breakLine() {
    guard isIndented else { return }
    bytes.append(UInt8(ascii: "\n"))
    for _ in 0..<depth * 2 { bytes.append(UInt8(ascii: " ")) }
  }

  private mutating func open(_ bracket: UInt8) {
    separate()
    bytes.append(bracket)
    depth += 1
    follows = .opening
  }

  private mutating func close(_ bracket: UInt8) {
    depth -= 1
    if follows != .opening { breakLine() }
    bytes.append(bracket)
    needsComma = true
    follows = .value
    if bytes.count >= Self.sinkByteCount, let sink {
      sink(bytes)
      bytes.removeAll(keepingCapacity: true)
    }
  }
}

extension JSONWriter {
  /// Writes a key and an array of strings.
  public mutating func strings(_ key: StaticString, _ values: [String]) {
    self.key(key)
    array { for value in values { $0.string(value) } }
  }

  /// Writes a key and a shape or another list of integers.
  public mutating func integers(_ key: StaticString, _ values: [Int]) {
    self.key(key)
    array { for value in values { $0.integer(value) } }
  }

  public mutating func string(_ key: StaticString, _ value: String?) {
    self.key(key)
    if let value { string(value) } else { null() }
  }

  /// Writes a key that is data, and a string.
  public mutating func string(named key: String, _ value: String) {
    self.key(named: key)
    string(value)
  }

  public mutating func integer(_ key: StaticString, _ value: Int?) {
    self.key(key)
    if let value { integer(value) } else { null() }
  }

  public mutating func double(_ key: StaticString, _ value: Double?) {
    self.key(key)
    if let value { double(value) } else { null() }
  }

  public mutating func bool(_ key: StaticString, _ value: Bool) {
    self.key(key)
    bool(value)
  }
}
