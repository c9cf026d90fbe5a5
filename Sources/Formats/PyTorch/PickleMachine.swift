/// The machine that turns the opcodes of a pickle into a `Pickle`.
///
/// It has a stack, marks and a memo as Python's has, but no way to import or
/// call anything. Each fault is an error with the byte and the opcode, and each
/// table has a limit, so that no pickle can take more than about 200 MiB.
struct PickleMachine {
  static let maximumNodes = 1 << 22
  static let maximumItems = 1 << 23
  static let maximumContainers = 1 << 20
  static let maximumGlobals = 1 << 14
  /// The bytes of a module's or an attribute's name.
  static let maximumGlobalNameSize = 512
  static let maximumMarks = 1 << 20
  /// Texts that are no UTF-8 in the pickle, and their bytes together.
  static let maximumDecodedTexts = 1 << 18
  static let maximumDecodedBytes = 32 << 20
  static let maximumProtocol = 5

  var source: PickleSource
  var pickle = Pickle()
  var stack: [Pickle.Node] = []
  var marks: [Int] = []
  var memo = PickleMemo()
  var globalPositions: [String: Int32] = [:]
  /// The same for the two names that STACK_GLOBAL takes from the stack.
  var globalsOfNames: [UInt64: Pickle.Value] = [:]
  /// The items in all containers together.
  var itemCount = 0
  /// The bytes of all decoded texts together.
  var decodedBytes = 0
  /// The opcode at work and where it begins, for errors.
  var opcode = "pickle"
  var opcodeOffset = 0

  /// Runs a pickle up to its STOP.
  static func run(_ source: PickleSource) throws(CheckpointError) -> Pickle {
    var machine = PickleMachine(source: source)
    return try machine.run()
  }

  /// The globals that a pickle names, as far as it can be followed, and where it
  /// ends. A payload does its work before the fault behind it is met.
  static func survey(_ source: PickleSource) -> (globals: [TorchGlobal], end: Int?) {
    var machine = PickleMachine(source: source)
    let end = try? machine.run().end
    return (machine.pickle.globals, end)
  }

  private init(source: PickleSource) {
    self.source = source
    pickle.values = Shared.values
  }

  private mutating func run() throws(CheckpointError) -> Pickle {
    while true {
      opcodeOffset = source.offset
      guard let code = try source.byte() else {
        opcode = "pickle"
        throw fault("ends without STOP")
      }
      guard let row = PickleOpcode[code: code] else {
        opcode = "pickle"
        throw fault("has an unknown opcode 0x\(String(code, radix: 16))")
      }
      opcode = row.name
      let argument = try self.argument(row.argument)
      if case .stop = row.effect { break }
      try perform(row.effect, argument)
    }
    pickle.root = try pop()
    pickle.end = source.offset
    var result = pickle
    result.bytes = source.bytes
    return result
  }

  /// What follows an opcode byte.
  struct Argument {
    var number = 0
    /// Bytes of the pickle.
    var range = 0..<0
    /// The second of two lines.
    var second = 0..<0
  }

  private mutating func argument(_ kind: PickleOpcode.Argument) throws(CheckpointError)
    -> Argument
  {
    var argument = Argument()
    switch kind {
    case .none: break
    case .unsigned(let width): argument.number = try unsigned(width)
    case .signed32:
      argument.number = Int(Int32(truncatingIfNeeded: try unsigned(4)))
    case .line: argument.range = try line()
    case .twoLines:
      argument.range = try line()
      argument.second = try line()
    case .counted(let width):
      let count = try unsigned(width)
      guard let range = try source.take(count) else {
        throw fault("claims \(count) bytes, but only \(source.remaining) are left")
      }
      argument.range = range
    case .float64:
      let range = try take(8)
      argument.number = source.bytes[range].reduce(0) { $0 << 8 | Int($1) }
    }
    return argument
  }

  private mutating func unsigned(_ width: Int) throws(CheckpointError) -> Int {
    let range = try take(width)
    let value = source.bytes[range].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard let value = Int(exactly: value) else { throw fault("claims \(value) bytes") }
    return value
  }

  private mutating func take(_ count: Int) throws(CheckpointError) -> Range<Int> {
    guard let range = try source.take(count) else { throw fault("is cut short") }
    return range
  }

  private mutating func line() throws(CheckpointError) -> Range<Int> {
    guard let range = try source.line() else { throw fault("has no line feed after its text") }
    return range
  }

  func fault(_ message: String) -> CheckpointError {
    CheckpointError(offset: opcodeOffset, "\(opcode) \(message)")
  }
}

/// The nodes that every pickle begins with, because they are always the same.
enum Shared {
  static let none: Pickle.Node = 0
  static let `true`: Pickle.Node = 1
  static let `false`: Pickle.Node = 2
  static let emptyTuple: Pickle.Node = 3
  static let smallIntegers = 0..<256

  static func integer(_ value: Int) -> Pickle.Node { Pickle.Node(4 + value) }

  static let values: [Pickle.Value] =
    [.none, .bool(true), .bool(false), .tuple(start: 0, count: 0)]
    + smallIntegers.map { .integer($0) }
}

/// The memo of a pickle: a table by numbers that a file may choose at will.
struct PickleMemo {
  static let maximumSparseEntries = 1 << 20

  // Python numbers its entries from 0 on; only hostile and odd pickles do not.
  private var dense: [Pickle.Node] = []
  private var sparse: [Int: Pickle.Node] = [:]

  var count: Int { dense.count + sparse.count }

  subscript(index: Int) -> Pickle.Node? {
    dense.indices.contains(index) ? dense[index] : sparse[index]
  }

  /// Stores a node. Returns false where the memo is full.
  mutating func store(_ node: Pickle.Node, at index: Int) -> Bool {
    if dense.indices.contains(index) {
      dense[index] = node
    } else if index == dense.count, sparse.isEmpty || sparse[index] == nil {
      guard dense.count < PickleMachine.maximumNodes else { return false }
      dense.append(node)
    } else {
      sparse[index] = node
    }
    return sparse.count <= Self.maximumSparseEntries
  }
}
