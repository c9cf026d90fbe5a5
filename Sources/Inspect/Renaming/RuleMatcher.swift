import Formats

/// A rule made ready to be applied to many names.
///
/// Most rules are plain text with escaped dots; those are applied to the bytes,
/// which takes a fraction of the time.
struct RuleMatcher {
  private enum Search {
    case literal(LiteralPattern, String)
    case pattern(PythonPattern, PythonTemplate)
  }

  private let search: Search

  init(_ rule: RenameRule) throws(CheckpointError) {
    guard !rule.pattern.isEmpty else {
      throw CheckpointError("a rule has an empty expression, which would match everywhere")
    }
    let pattern = try PythonPattern(rule.pattern)
    let template = try PythonTemplate(rule.replacement, for: pattern)
    if let text = template.plainText, let literal = LiteralPattern(rule.pattern) {
      search = .literal(literal, text)
    } else {
      search = .pattern(pattern, template)
    }
  }

  /// The name with every match replaced; nil where there is no match.
  func apply(to name: String) -> String? {
    switch search {
    case .literal(let pattern, let text): pattern.replace(in: name, with: text)
    case .pattern(let pattern, let template): pattern.replacing(in: name, with: template)
    }
  }
}

/// An expression that is plain text, perhaps anchored.
struct LiteralPattern {
  private var text: [UInt8] = []
  private var isAtStart = false
  private var isAtEnd = false

  /// Nil for an expression that is more than text.
  init?(_ pattern: String) {
    var rest = Array(pattern.utf8)[...]
    if rest.first == UInt8(ascii: "^") {
      isAtStart = true
      rest.removeFirst()
    }
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "$") where rest.isEmpty: isAtEnd = true
      case UInt8(ascii: "\\"):
        // A backslash before a letter or digit is a class or a reference.
        guard let next = rest.popFirst(), !Self.isWord(next), next < 0x80 else { return nil }
        text.append(next)
      case _ where Self.isWord(byte) || byte >= 0x80 || "-/:= ,@#%&~<>;'\"!".utf8.contains(byte):
        text.append(byte)
      default: return nil
      }
    }
    guard !text.isEmpty else { return nil }
  }

  private static func isWord(_ byte: UInt8) -> Bool {
    (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5A)
      || (byte >= 0x61 && byte <= 0x7A) || byte == UInt8(ascii: "_")
  }

  /// The name with every occurrence replaced; nil where there is none.
  func replace(in name: String, with replacement: String) -> String? {
    let bytes = Array(name.utf8)
    var result: [UInt8] = []
    var end = 0
    var start = isAtStart || !isAtEnd ? 0 : max(0, bytes.count - text.count)
    var found = false
    while start + text.count <= bytes.count, !isAtStart || start == 0 {
      let matches =
        (!isAtEnd || start + text.count == bytes.count)
        && bytes[start..<start + text.count].elementsEqual(text)
      guard matches else {
        start += 1
        continue
      }
      found = true
      result += bytes[end..<start]
      result += replacement.utf8
      start += text.count
      end = start
    }
    return found ? String(decoding: result + bytes[end...], as: UTF8.self) : nil
  }
}
