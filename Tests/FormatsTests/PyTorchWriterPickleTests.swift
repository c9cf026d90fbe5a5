import Testing

@testable import Formats

@Suite struct PyTorchWriterPickleTests {
  /// What the table of the reader calls the opcodes that are written.
  static let names: [PickleWriter.Opcode: String] = [
    .protocol: "PROTO", .stop: "STOP", .mark: "MARK", .newFalse: "NEWFALSE",
    .binaryInt: "BININT", .binaryInt1: "BININT1", .binaryInt2: "BININT2", .long1: "LONG1",
    .binaryUnicode: "BINUNICODE", .emptyTuple: "EMPTY_TUPLE", .tuple1: "TUPLE1",
    .tuple2: "TUPLE2", .tuple3: "TUPLE3", .tuple: "TUPLE", .emptyDictionary: "EMPTY_DICT",
    .setItems: "SETITEMS", .global: "GLOBAL", .reduce: "REDUCE", .persistentID: "BINPERSID",
    .put: "BINPUT", .get: "BINGET",
  ]

  @Test(arguments: PickleWriter.Opcode.allCases)
  func `writer and reader mean the same opcodes`(_ opcode: PickleWriter.Opcode) {
    #expect(PickleOpcode[code: opcode.rawValue]?.name == Self.names[opcode])
  }

  static let integers: [(Int, [UInt8])] = [
    (0, [0x4B, 0]), (255, [0x4B, 255]), (256, [0x4D, 0, 1]), (65535, [0x4D, 255, 255]),
    (65536, [0x4A, 0, 0, 1, 0]), (0x7FFF_FFFF, [0x4A, 255, 255, 255, 0x7F]),
    (0x8000_0000, [0x8A, 5, 0, 0, 0, 0x80, 0]),
    (0xFF_FFFF_FFFF, [0x8A, 6, 255, 255, 255, 255, 255, 0]),
    (-1, [0x4A, 255, 255, 255, 255]), (-0x8000_0001, [0x8A, 5, 255, 255, 255, 0x7F, 255]),
    (.max, [0x8A, 8, 255, 255, 255, 255, 255, 255, 255, 0x7F]),
    (.min, [0x8A, 8, 0, 0, 0, 0, 0, 0, 0, 0x80]),
  ]

  @Test(arguments: integers) func `numbers are written as Python writes them`(
    _ value: Int, _ bytes: [UInt8]
  ) {
    var writer = PickleWriter()
    writer.integer(value)
    #expect(Array(writer.bytes.dropFirst(2)) == bytes)
  }

  @Test func `what comes again is fetched from the memo`() {
    var writer = PickleWriter()
    writer.knownText("cpu")
    writer.global("torch", "cpu")
    writer.knownText("cpu")
    writer.global("torch", "cpu")
    #expect(
      Array(writer.bytes.dropFirst(2)) == [0x58, 3, 0, 0, 0] + Array("cpu".utf8) + [0x71, 0]
        + Array("ctorch\ncpu\n".utf8) + [0x71, 1, 0x68, 0, 0x68, 1])
  }

  @Test func `a full memo takes nothing more`() {
    var writer = PickleWriter()
    for number in 0...256 { writer.knownText("\(number)") }
    let before = writer.bytes.count
    writer.knownText("256")
    #expect(Array(writer.bytes[before...]) == [0x58, 3, 0, 0, 0] + Array("256".utf8))
    writer.knownText("255")
    #expect(writer.bytes.suffix(2) == [0x68, 255])
  }

  static let strides: [([Int], [Int])] = [
    ([], []), ([5], [1]), ([2, 3, 4], [12, 4, 1]), ([2, 1, 4], [4, 4, 1]), ([0, 3], [3, 1]),
    ([3, 0], [1, 1]), ([2, 0, 3], [3, 3, 1]),
  ]

  @Test(arguments: strides) func `strides are those that torch gives a new tensor`(
    _ shape: [Int], _ expected: [Int]
  ) {
    #expect(TorchPickle.strides(of: shape) == expected)
  }
}
