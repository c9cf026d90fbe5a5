import Formats

/// The right side of a rule taken apart: text, and groups of the match.
///
/// The forms are those of Python's `re.sub` that names can need: `\1`, `\g<1>`,
/// `\g<name>` and `\\`.
struct RuleReplacement {
  enum Piece: Hashable {
    case text(String)
    case group(Int)
    case namedGroup(String)
  }

  private(set) var pieces: [Piece] = []

  init(_ text: String) throws(CheckpointError) {
    var rest = text.unicodeScalars[...]
    var plain = ""
    while let scalar = rest.popFirst() {
      guard scalar == "\\" else {
        plain.unicodeScalars.append(scalar)
        continue
      }
      if rest.first == "\\" {
        rest.removeFirst()
        plain += "\\"
        continue
      }
      if !plain.isEmpty { pieces.append(.text(plain)) }
      plain = ""
      pieces.append(try Self.group(&rest, of: text))
    }
    if !plain.isEmpty { pieces.append(.text(plain)) }
  }

  /// The groups that the replacement names.
  var groups: [Piece] {
    pieces.filter { if case .text = $0 { false } else { true } }
  }

  /// What follows a backslash.
  private static func group(
    _ rest: inout Substring.UnicodeScalarView, of text: String
  ) throws(CheckpointError) -> Piece {
    let digits = rest.prefix(2).prefix { ("0"..."9").contains($0) }
    if let number = Int(String(digits)), number > 0 {
      rest.removeFirst(digits.count)
      return .group(number)
    }
    if rest.starts(with: "g<".unicodeScalars), let end = rest.firstIndex(of: ">") {
      let name = String(rest[rest.index(rest.startIndex, offsetBy: 2)..<end])
      rest = rest[rest.index(after: end)...]
      return Int(name).map(Piece.group) ?? .namedGroup(name)
    }
    let found = rest.first.map { "\\\($0)" } ?? "\\ at its end"
    throw CheckpointError(
      "the replacement \(text.quoted) holds \(found); expected \\1 to \\99, \\g<name> or \\\\, "
        + "and everything else as it is")
  }
}
