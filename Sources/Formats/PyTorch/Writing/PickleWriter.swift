/// Writes a pickle of protocol 2, value after value, as Python's own pickler
/// would order the opcodes.
///
/// Only what a state dict needs, and only opcodes that torch's restricted
/// unpickler takes.
struct PickleWriter {
  private(set) var bytes: [UInt8] = [Opcode.protocol.rawValue, 2]
  /// The places of texts and globals that come again and again.
  private var memo: [String: UInt8] = [:]

  /// The opcodes that are written; `PickleOpcode` says what each does.
  enum Opcode: UInt8, CaseIterable {
    case `protocol` = 0x80
    case stop = 0x2E
    case mark = 0x28
    case newFalse = 0x89
    case binaryInt = 0x4A
    case binaryInt1 = 0x4B
    case binaryInt2 = 0x4D
    case long1 = 0x8A
    case binaryUnicode = 0x58
    case emptyTuple = 0x29
    case tuple1 = 0x85
    case tuple2 = 0x86
    case tuple3 = 0x87
    case tuple = 0x74
    case emptyDictionary = 0x7D
    case setItems = 0x75
    case global = 0x63
    case reduce = 0x52
    case persistentID = 0x51
    case put = 0x71
    case get = 0x68
  }

  mutating func write(_ opcode: Opcode) { bytes.append(opcode.rawValue) }

  /// A number in as few bytes as it needs.
  mutating func integer(_ value: Int) {
    switch value {
    case 0...0xFF: number(.binaryInt1, value, byteCount: 1)
    case 0x100...0xFFFF: number(.binaryInt2, value, byteCount: 2)
    case Int(Int32.min)...Int(Int32.max): number(.binaryInt, value, byteCount: 4)
    default:
      write(.long1)
      // The highest bit is the sign.
      let count = (64 - (value < 0 ? ~value : value).leadingZeroBitCount) / 8 + 1
      bytes.append(UInt8(count))
      append(value, byteCount: count)
    }
  }

  mutating func text(_ text: String) {
    number(.binaryUnicode, text.utf8.count, byteCount: 4)
    bytes.append(contentsOf: text.utf8)
  }

  /// A text that comes again; the second time only its place is written.
  mutating func knownText(_ text: String) {
    remember("\"" + text) { $0.text(text) }
  }

  mutating func global(_ module: String, _ name: String) {
    remember("\(module)\n\(name)") { writer in
      writer.write(.global)
      writer.bytes.append(contentsOf: "\(module)\n\(name)\n".utf8)
    }
  }

  mutating func tuple(_ values: [Int]) {
    if values.count > 3 { write(.mark) }
    for value in values { integer(value) }
    switch values.count {
    case 0: write(.emptyTuple)
    case 1: write(.tuple1)
    case 2: write(.tuple2)
    case 3: write(.tuple3)
    default: write(.tuple)
    }
  }

  private mutating func remember(_ key: String, _ body: (inout PickleWriter) -> Void) {
    if let place = memo[key] {
      write(.get)
      bytes.append(place)
      return
    }
    body(&self)
    // One byte has to do; what comes later is written out each time.
    guard let place = UInt8(exactly: memo.count) else { return }
    memo[key] = place
    write(.put)
    bytes.append(place)
  }

  private mutating func number(_ opcode: Opcode, _ value: Int, byteCount: Int) {
    write(opcode)
    append(value, byteCount: byteCount)
  }

  private mutating func append(_ value: Int, byteCount: Int) {
    for byte in 0..<byteCount { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * byte))) }
  }
}
