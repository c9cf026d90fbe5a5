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
  func keyName(_ key: Node) -> String { text(key) ?? "[\(described(key))]" }
}
