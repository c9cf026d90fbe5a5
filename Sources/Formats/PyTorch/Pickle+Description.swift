extension Pickle {
  /// The characters of a text that are shown.
  private static let shownCharacters = 60
  /// The items of a tuple that are shown.
  private static let shownItems = 6

  /// A short description of a value, on one line.
  func described(_ node: Node) -> String { described(node, inside: false) }

  private func described(_ node: Node, inside: Bool) -> String {
    switch self[node] {
    case .none: return "None"
    case .bool(let value): return value ? "True" : "False"
    case .integer(let value): return String(value)
    case .float(let value): return String(value)
    case .wideInteger(_, let count): return "an integer of \(count) bytes"
    case .text(let start, let count):
      // Four bytes a character at most; a text can be as long as the file.
      let end = Int(start) + min(Int(count), 4 * (Self.shownCharacters + 1))
      return Self.shortened(String(decoding: bytes[Int(start)..<end], as: UTF8.self))
    case .decodedText(let position): return Self.shortened(decodedTexts[Int(position)])
    case .bytes(_, let count): return "\(count) bytes"
    case .tuple(_, let count):
      return inside ? "tuple of \(count)" : "(\(list(items(node) ?? [])))"
    case .list(let container): return "list of \(containers[Int(container)].count)"
    case .set(let container): return "set of \(containers[Int(container)].count)"
    case .dictionary(let container): return "dictionary of \(containers[Int(container)].count / 2)"
    case .call where entries(node) != nil:
      return "dictionary of \((entries(node)?.count ?? 0) / 2)"
    default: return kind(node)
    }
  }

  private func list(_ items: ArraySlice<Node>) -> String {
    let shown = items.prefix(Self.shownItems).map { described($0, inside: true) }
    return (shown + (items.count > shown.count ? ["…"] : [])).joined(separator: ", ")
  }

  private static func shortened(_ text: String) -> String {
    let short = text.prefix(shownCharacters)
    return short.endIndex == text.endIndex ? text.quoted : String(short).quoted + "…"
  }

  /// How a key of a dictionary is written in a name: a text as it is, anything
  /// else in brackets.
  func keyName(_ key: Node) -> String {
    text(key) ?? "[\(bytes(key).map(Self.literal) ?? described(key))]"
  }

  /// The bytes of a key that are written out.
  private static let shownBytes = 4096

  /// Bytes, also those that Python before 3 had no opcode for: `_codecs.encode` of a
  /// text in Latin-1. Nil where a node is something else or has very many.
  private func bytes(_ node: Node) -> [UInt8]? {
    if case .bytes(let start, let count) = self[node], count <= Self.shownBytes {
      return Array(bytes[Int(start)..<Int(start) + Int(count)])
    }
    guard let call = call(node), call.global.name == "_codecs.encode",
      let argument = call.arguments.first, isText(argument), isShort(argument),
      let text = text(argument)
    else { return nil }
    let bytes = text.unicodeScalars.compactMap { UInt8(exactly: $0.value) }
    return bytes.count == text.unicodeScalars.count ? bytes : nil
  }

  private func isShort(_ text: Node) -> Bool {
    if case .text(_, let count) = self[text] { count <= 2 * Self.shownBytes } else { true }
  }

  /// Bytes as Python writes them.
  private static func literal(_ bytes: [UInt8]) -> String {
    var text = "b'"
    for byte in bytes {
      switch byte {
      case 0x27, 0x5C: text += "\\" + String(Unicode.Scalar(byte))
      case 0x20..<0x7F: text.unicodeScalars.append(Unicode.Scalar(byte))
      default: text += (byte < 16 ? "\\x0" : "\\x") + String(byte, radix: 16)
      }
    }
    return text + "'"
  }
}
