/// The value that a pickle describes, inert: nodes in an arena that name each
/// other by position.
///
/// A memo entry is the same node wherever it is used, so that shared and cyclic
/// values stay what they are and nothing grows by being repeated. Text and bytes
/// are ranges of the pickle. A global is only a name and a call is only a pair
/// of nodes; nothing here knows how to do anything.
struct Pickle: Sendable {
  /// A node, by its position in the arena.
  typealias Node = Int32

  enum Value: Sendable {
    case none
    case bool(Bool)
    case integer(Int)
    case float(Double)
    /// An integer of more than 64 bits: its bytes.
    case wideInteger(start: Int32, count: Int32)
    /// UTF-8 in the pickle.
    case text(start: Int32, count: Int32)
    /// A position in `decodedTexts`.
    case decodedText(Int32)
    case bytes(start: Int32, count: Int32)
    /// A position in `globals`.
    case global(Int32)
    /// A range of `tupleItems`.
    case tuple(start: Int32, count: Int32)
    /// A position in `containers`.
    case list(Int32)
    /// A position in `containers`, where keys and values alternate.
    case dictionary(Int32)
    case set(Int32)
    case persistent(Node)
    /// What a call of `callable` would have made.
    case call(callable: Node, arguments: Node)
    /// A buffer that is not in the pickle.
    case buffer
  }

  var values: [Value] = []
  var tupleItems: [Node] = []
  var containers: [[Node]] = []
  var decodedTexts: [String] = []
  var globals: [TorchGlobal] = []
  /// What was appended to a call's result; a position in `containers`.
  var itemsOfCall: [Node: Int32] = [:]
  /// The keys and values that were set on a call's result, likewise.
  var entriesOfCall: [Node: Int32] = [:]
  /// What BUILD gave to an object.
  var states: [Node: Node] = [:]
  /// The persistent identifiers in the order of their appearance.
  var persistents: [Node] = []
  /// The texts with surrogates, which are no text to any other format.
  var surrogateTexts = 0
  /// The pickle itself.
  var bytes: [UInt8] = []
  /// The value of the whole pickle.
  var root: Node = 0
  /// The position in the file or record of the byte after STOP.
  var end = 0
}

extension Pickle {
  subscript(node: Node) -> Value { values[Int(node)] }

  /// The items of a tuple or list, or nil.
  func items(_ node: Node) -> ArraySlice<Node>? {
    switch self[node] {
    case .tuple(let start, let count): tupleItems[Int(start)..<Int(start) + Int(count)]
    case .list(let container): containers[Int(container)][...]
    default: nil
    }
  }

  /// The items of a tuple, or nil.
  func tuple(_ node: Node) -> ArraySlice<Node>? {
    if case .tuple = self[node] { items(node) } else { nil }
  }

  /// The text of a node, or nil where it is none.
  func text(_ node: Node) -> String? {
    switch self[node] {
    case .text(let start, let count):
      String(decoding: bytes[Int(start)..<Int(start) + Int(count)], as: UTF8.self)
    case .decodedText(let position): decodedTexts[Int(position)]
    default: nil
    }
  }

  func integer(_ node: Node) -> Int? {
    if case .integer(let value) = self[node] { value } else { nil }
  }

  func bool(_ node: Node) -> Bool? {
    if case .bool(let value) = self[node] { value } else { nil }
  }

  func global(_ node: Node) -> TorchGlobal? {
    if case .global(let position) = self[node] { globals[Int(position)] } else { nil }
  }

  /// The callable and the arguments of a call whose arguments are a tuple.
  func call(_ node: Node) -> (global: TorchGlobal, arguments: ArraySlice<Node>)? {
    guard case .call(let callable, let arguments) = self[node],
      let global = global(callable), let items = tuple(arguments)
    else { return nil }
    return (global, items)
  }

  /// The alternating keys and values of a dictionary, also of one that is made by
  /// a call, or nil.
  func entries(_ node: Node) -> ArraySlice<Node>? {
    switch self[node] {
    case .dictionary(let container): return containers[Int(container)][...]
    case .call(let callable, _):
      if let container = entriesOfCall[node] { return containers[Int(container)][...] }
      return global(callable)?.meaning == .dictionary ? [] : nil
    default: return nil
    }
  }

  /// The entries of a dictionary in which `value(_:in:)` looks.
  private static let searchedEntries = 64

  /// The value of the last entry whose key is this text, or nil. What is asked for
  /// is only ever in small dictionaries; large ones are not searched.
  func value(_ key: String, in node: Node) -> Node? {
    guard let entries = entries(node), entries.count <= 2 * Self.searchedEntries else { return nil }
    for position in stride(from: entries.endIndex - 2, through: entries.startIndex, by: -2)
    where isText(entries[position], key) {
      return entries[position + 1]
    }
    return nil
  }

  func isText(_ node: Node) -> Bool {
    switch self[node] {
    case .text, .decodedText: true
    default: false
    }
  }

  /// Whether a node is this text. A text of any length is compared without being
  /// copied.
  func isText(_ node: Node, _ text: String) -> Bool {
    switch self[node] {
    case .text(let start, let count):
      Int(count) == text.utf8.count
        && bytes[Int(start)..<Int(start) + Int(count)].elementsEqual(text.utf8)
    case .decodedText(let position): decodedTexts[Int(position)] == text
    default: false
    }
  }

  func isEmptyContainer(_ node: Node) -> Bool {
    switch self[node] {
    case .tuple(_, let count): count == 0
    case .list(let container), .set(let container), .dictionary(let container):
      containers[Int(container)].isEmpty
    default: false
    }
  }

  /// Whether a node is no container and nothing that a call makes.
  func isScalar(_ node: Node) -> Bool {
    switch self[node] {
    case .tuple, .list, .set, .dictionary, .call: false
    default: true
    }
  }

  /// What kind of thing a node is, for messages.
  func kind(_ node: Node) -> String {
    switch self[node] {
    case .none: "None"
    case .bool: "a bool"
    case .integer, .wideInteger: "an integer"
    case .float: "a float"
    case .text, .decodedText: "a text"
    case .bytes, .buffer: "bytes"
    case .global(let position): "the global \(globals[Int(position)].name.printable)"
    case .tuple: "a tuple"
    case .list: "a list"
    case .dictionary: "a dictionary"
    case .set: "a set"
    case .persistent: "a persistent identifier"
    case .call(let callable, _):
      global(callable).map { "an object of \($0.name.printable)" } ?? "an object"
    }
  }
}
