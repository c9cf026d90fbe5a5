/// One opcode of the pickle language, protocols 0 to 5.
///
/// `table` is the only list of them: names, arguments and effects are its rows.
/// The language is that of CPython's `Lib/pickletools.py`.
struct PickleOpcode: Sendable {
  var code: UInt8
  var name: String
  var argument: Argument
  var effect: Effect

  /// What follows the opcode byte.
  enum Argument: Sendable {
    case none
    /// A little-endian number of this many bytes.
    case unsigned(Int)
    case signed32
    /// Bytes up to a line feed.
    case line
    case twoLines
    /// A little-endian length of this many bytes, then that many bytes.
    case counted(Int)
    /// A big-endian IEEE 754 number.
    case float64
  }

  /// What the opcode does to the stack.
  enum Effect: Sendable {
    case `protocol`, frame, stop
    case mark, pop, popMark, duplicate
    case pushNone, pushTrue, pushFalse
    case pushInteger, pushLong, pushIntegerLine, pushLongLine, pushFloat, pushFloatLine
    case pushText, pushOldText, pushBytes, pushQuotedLine, pushEscapedLine
    case emptyTuple, emptyList, emptyDictionary, emptySet
    case tuple(Int)
    case tupleToMark, listToMark, dictionaryToMark, frozenSetToMark
    case append, appends, setItem, setItems, addItems
    case global, stackGlobal, `extension`
    case reduce, newObject, newObjectEx, instance, object, build
    case persistent, persistentLine
    case put, putLine, memoize, get, getLine
    case nextBuffer, readOnlyBuffer
  }

  /// The opcode with this byte, or nil.
  static subscript(code code: UInt8) -> PickleOpcode? { byCode[Int(code)] }

  private static let byCode: [PickleOpcode?] = {
    var byCode = [PickleOpcode?](repeating: nil, count: 256)
    for opcode in table { byCode[Int(opcode.code)] = opcode }
    return byCode
  }()

  private init(_ code: UInt8, _ name: String, _ argument: Argument, _ effect: Effect) {
    self.code = code
    self.name = name
    self.argument = argument
    self.effect = effect
  }

  private static let table: [PickleOpcode] = [
    // Control and stack.
    .init(0x80, "PROTO", .unsigned(1), .protocol),
    .init(0x95, "FRAME", .unsigned(8), .frame),
    .init(0x2E, "STOP", .none, .stop),
    .init(0x28, "MARK", .none, .mark),
    .init(0x30, "POP", .none, .pop),
    .init(0x31, "POP_MARK", .none, .popMark),
    .init(0x32, "DUP", .none, .duplicate),
    // Constants and numbers.
    .init(0x4E, "NONE", .none, .pushNone),
    .init(0x88, "NEWTRUE", .none, .pushTrue),
    .init(0x89, "NEWFALSE", .none, .pushFalse),
    .init(0x49, "INT", .line, .pushIntegerLine),
    .init(0x4A, "BININT", .signed32, .pushInteger),
    .init(0x4B, "BININT1", .unsigned(1), .pushInteger),
    .init(0x4D, "BININT2", .unsigned(2), .pushInteger),
    .init(0x4C, "LONG", .line, .pushLongLine),
    .init(0x8A, "LONG1", .counted(1), .pushLong),
    .init(0x8B, "LONG4", .counted(4), .pushLong),
    .init(0x46, "FLOAT", .line, .pushFloatLine),
    .init(0x47, "BINFLOAT", .float64, .pushFloat),
    // Text and bytes.
    .init(0x53, "STRING", .line, .pushQuotedLine),
    .init(0x54, "BINSTRING", .counted(4), .pushOldText),
    .init(0x55, "SHORT_BINSTRING", .counted(1), .pushOldText),
    .init(0x56, "UNICODE", .line, .pushEscapedLine),
    .init(0x58, "BINUNICODE", .counted(4), .pushText),
    .init(0x8C, "SHORT_BINUNICODE", .counted(1), .pushText),
    .init(0x8D, "BINUNICODE8", .counted(8), .pushText),
    .init(0x42, "BINBYTES", .counted(4), .pushBytes),
    .init(0x43, "SHORT_BINBYTES", .counted(1), .pushBytes),
    .init(0x8E, "BINBYTES8", .counted(8), .pushBytes),
    .init(0x96, "BYTEARRAY8", .counted(8), .pushBytes),
    .init(0x97, "NEXT_BUFFER", .none, .nextBuffer),
    .init(0x98, "READONLY_BUFFER", .none, .readOnlyBuffer),
    // Containers.
    .init(0x29, "EMPTY_TUPLE", .none, .emptyTuple),
    .init(0x85, "TUPLE1", .none, .tuple(1)),
    .init(0x86, "TUPLE2", .none, .tuple(2)),
    .init(0x87, "TUPLE3", .none, .tuple(3)),
    .init(0x74, "TUPLE", .none, .tupleToMark),
    .init(0x5D, "EMPTY_LIST", .none, .emptyList),
    .init(0x6C, "LIST", .none, .listToMark),
    .init(0x61, "APPEND", .none, .append),
    .init(0x65, "APPENDS", .none, .appends),
    .init(0x7D, "EMPTY_DICT", .none, .emptyDictionary),
    .init(0x64, "DICT", .none, .dictionaryToMark),
    .init(0x73, "SETITEM", .none, .setItem),
    .init(0x75, "SETITEMS", .none, .setItems),
    .init(0x8F, "EMPTY_SET", .none, .emptySet),
    .init(0x90, "ADDITEMS", .none, .addItems),
    .init(0x91, "FROZENSET", .none, .frozenSetToMark),
    // What would be code if anything were ever called.
    .init(0x63, "GLOBAL", .twoLines, .global),
    .init(0x93, "STACK_GLOBAL", .none, .stackGlobal),
    .init(0x82, "EXT1", .unsigned(1), .extension),
    .init(0x83, "EXT2", .unsigned(2), .extension),
    .init(0x84, "EXT4", .unsigned(4), .extension),
    .init(0x52, "REDUCE", .none, .reduce),
    .init(0x81, "NEWOBJ", .none, .newObject),
    .init(0x92, "NEWOBJ_EX", .none, .newObjectEx),
    .init(0x69, "INST", .twoLines, .instance),
    .init(0x6F, "OBJ", .none, .object),
    .init(0x62, "BUILD", .none, .build),
    .init(0x51, "BINPERSID", .none, .persistent),
    .init(0x50, "PERSID", .line, .persistentLine),
    // The memo.
    .init(0x71, "BINPUT", .unsigned(1), .put),
    .init(0x72, "LONG_BINPUT", .unsigned(4), .put),
    .init(0x70, "PUT", .line, .putLine),
    .init(0x94, "MEMOIZE", .none, .memoize),
    .init(0x68, "BINGET", .unsigned(1), .get),
    .init(0x6A, "LONG_BINGET", .unsigned(4), .get),
    .init(0x67, "GET", .line, .getLine),
  ]
}
