/// A JSON document in memory: for configurations and indexes, not for headers.
///
/// Objects keep the order of their keys and numbers their text, so that a
/// document can be changed in one place and written back.
public enum JSONValue: Sendable, Hashable {
  case null
  case bool(Bool)
  /// The number as it was written.
  case number(String)
  case string(String)
  case array([JSONValue])
  case object([JSONMember])
}

/// One key of an object and its value.
public struct JSONMember: Sendable, Hashable {
  public var key: String
  public var value: JSONValue

  public init(_ key: String, _ value: JSONValue) {
    self.key = key
    self.value = value
  }
}

extension JSONValue {
  /// Reads one document, with the bare `NaN` and `Infinity` that Python writes.
  public init(parsing bytes: [UInt8]) throws(CheckpointError) {
    var scanner = JSONScanner(bytes, allowsNonFinite: true)
    self = try Self.value(from: &scanner, depth: 1)
    try scanner.expectEnd()
  }

  private static func value(from scanner: inout JSONScanner, depth: Int) throws(CheckpointError)
    -> JSONValue
  {
    switch scanner.peek() {
    case UInt8(ascii: "{"):
      try scanner.checkDepth(depth)
      var members: [JSONMember] = []
      try scanner.object("an object") { (scanner, key, _) throws(CheckpointError) in
        members.append(JSONMember(key, try value(from: &scanner, depth: depth + 1)))
      }
      return .object(members)
    case UInt8(ascii: "["):
      try scanner.checkDepth(depth)
      var elements: [JSONValue] = []
      try scanner.array("an array") { (scanner) throws(CheckpointError) in
        elements.append(try value(from: &scanner, depth: depth + 1))
      }
      return .array(elements)
    case UInt8(ascii: "\""): return .string(try scanner.string("a string"))
    default:
      if scanner.consume(word: "true") { return .bool(true) }
      if scanner.consume(word: "false") { return .bool(false) }
      if scanner.consume(word: "null") { return .null }
      if let word = scanner.consumeNonFinite() { return .number(word) }
      return .number(try scanner.number("a value"))
    }
  }

  /// The value of the last member with this key, as Python reads duplicates;
  /// nil for a missing key, for `null`, and for anything but an object.
  public subscript(key: String) -> JSONValue? {
    guard case .object(let members) = self,
      let value = members.last(where: { $0.key == key })?.value, value != .null
    else { return nil }
    return value
  }

  public var string: String? { if case .string(let text) = self { text } else { nil } }
  public var bool: Bool? { if case .bool(let flag) = self { flag } else { nil } }
  public var array: [JSONValue]? { if case .array(let elements) = self { elements } else { nil } }
  public var object: [JSONMember]? {
    if case .object(let members) = self { members } else { nil }
  }
  /// The number as a double, also where it is written as an integer.
  public var double: Double? {
    guard case .number(let text) = self else { return nil }
    return text == "Infinity" ? .infinity : text == "-Infinity" ? -.infinity : Double(text)
  }
  /// The number where it is a whole one that fits.
  public var int: Int? {
    guard case .number(let text) = self else { return nil }
    return Int(text) ?? Double(text).flatMap { Int(exactly: $0) }
  }
}

extension InputFile {
  /// The longest configuration or index file that is read.
  public static let maximumJSONByteCount = 256 << 20

  /// The JSON document in the file at `path`.
  public static func json(at path: String) throws(CheckpointError) -> JSONValue {
    let bytes = try InputFile(path: path).readAll(limit: maximumJSONByteCount)
    do {
      return try JSONValue(parsing: bytes)
    } catch {
      throw error.with(path: path)
    }
  }
}
