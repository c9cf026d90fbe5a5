import Formats
import Synchronization
import Testing

struct JSONTests {
  static let documents: [(String, JSONValue)] = [
    ("null", .null), (" true ", .bool(true)), ("-0.5e+10", .number("-0.5e+10")),
    (#""a\n\u00e9\ud83d\ude00""#, .string("a\né😀")),
    (#"[1,[],{}]"#, .array([.number("1"), .array([]), .object([])])),
    (
      #"{"b":1,"a":2}"#,
      .object([JSONMember("b", .number("1")), JSONMember("a", .number("2"))])
    ),
    ("[NaN,-Infinity]", .array([.number("NaN"), .number("-Infinity")])),
  ]

  @Test(arguments: documents) func `documents keep order and numbers`(
    text: String, value: JSONValue
  ) throws {
    #expect(try JSONValue(parsing: Array(text.utf8)) == value)
  }

  static let faults: [(String, String)] = [
    ("", "byte 0: the JSON text ends where a value was expected"),
    ("{", "byte 1: the JSON text ends where a key in double quotes was expected"),
    ("[1,]", #"byte 3: a value expected, but found "]""#),
    ("01", "byte 0: a number is malformed"),
    ("1 2", #"byte 2: the end of the JSON text expected, but found "2""#),
    ("\"a\u{01}\"", "byte 2: control character 0x1 inside a string"),
    (#""\ud800""#, "byte 1: a lone surrogate escape, which is no character"),
    (#""\x""#, "byte 1: an unknown escape"),
    ("\"abc", "byte 0: a string that starts here does not end"),
    (
      String(repeating: "[", count: 200),
      "byte 127: values are nested deeper than 128 levels"
    ),
  ]

  @Test(arguments: faults) func `faults are told with their place`(text: String, message: String) {
    let error = #expect(throws: CheckpointError.self) {
      try JSONValue(parsing: Array(text.utf8))
    }
    #expect(error?.description == message)
  }

  /// Bytes that do not stand for themselves in a string, and their neighbours.
  static let bytes: [UInt8] = [0x00, 0x1F, 0x20, 0x21, 0x22, 0x23, 0x5B, 0x5C, 0x5D, 0x7F]

  @Test(arguments: bytes) func `each place of a string is looked at`(byte: UInt8) throws {
    let special = Character(Unicode.Scalar(byte))
    for length in 1...20 {
      for place in 0..<length {
        var characters = [Character](repeating: "é", count: place)
        characters += [special] + Array(repeating: "x", count: length - place - 1)
        let value = JSONValue.string(String(characters))
        var writer = JSONWriter()
        writer.value(value)
        #expect(try JSONValue(parsing: writer.bytes) == value)
        guard byte < 0x20 else { continue }
        let raw = Array("\"\(String(characters))\"".utf8)
        let error = #expect(throws: CheckpointError.self) { try JSONValue(parsing: raw) }
        #expect(error?.offset == 1 + 2 * place)
      }
    }
  }

  @Test func `a sink gets the text piece by piece`() {
    let pieces = Mutex<[[UInt8]]>([])
    let text = String(repeating: "x", count: 1000)
    var writer = JSONWriter { piece in pieces.withLock { $0.append(piece) } }
    var whole = JSONWriter()
    writer.array { for _ in 0..<1000 { $0.object { $0.string("a", text) } } }
    whole.array { for _ in 0..<1000 { $0.object { $0.string("a", text) } } }
    let rest = writer.document()
    #expect(pieces.withLock(\.count) > 3)
    #expect(pieces.withLock { $0.flatMap(\.self) } + rest == whole.document())
  }

  @Test func `what is written reads back`() throws {
    for (text, value) in Self.documents where !text.contains("NaN") {
      var writer = JSONWriter()
      writer.value(value)
      #expect(try JSONValue(parsing: writer.bytes) == value)
    }
  }

  @Test func `indentation is that of Python's json module`() {
    var writer = JSONWriter(isIndented: true)
    writer.object { writer in
      writer.integer("a", 1)
      writer.key("b")
      writer.object { $0.strings("c", ["x", "y"]) }
      writer.key("d")
      writer.array { _ in }
    }
    let text = """
      {
        "a": 1,
        "b": {
          "c": [
            "x",
            "y"
          ]
        },
        "d": []
      }
      """
    #expect(String(decoding: writer.bytes, as: UTF8.self) == text)
  }
}
