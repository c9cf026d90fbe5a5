public import Formats

/// What to put in the place of a match, as `re.sub` takes it: text with `\1` to `\99`,
/// `\g<1>` and `\g<name>` for groups, and `\\`.
public struct PythonTemplate: Sendable, Hashable {
  private enum Piece: Hashable {
    case text(String)
    case group(Int)
  }

  private var pieces: [Piece] = []

  /// Reads `text`, which may name only groups that `pattern` has.
  public init(_ text: String, for pattern: PythonPattern) throws(CheckpointError) {
    var reader = Reader(text, pattern)
    pieces = try reader.pieces()
  }

  /// The text, where no groups are in it.
  public var plainText: String? {
    var result = ""
    for piece in pieces {
      guard case .text(let text) = piece else { return nil }
      result += text
    }
    return result
  }

  /// Appends the text for a match; a group without a part in it gives nothing.
  func append(to result: inout PythonResult, _ match: PythonMatch) {
    for piece in pieces {
      switch piece {
      case .text(let text): result.append(text)
      case .group(let number): result.append(match.scalars(of: number) ?? [])
      }
    }
  }
}

/// The text that replacing builds up; bytes take a fraction of the time of characters.
struct PythonResult {
  private var bytes: [UInt8] = []

  var text: String { String(decoding: bytes, as: UTF8.self) }

  mutating func reserve(_ count: Int) { bytes.reserveCapacity(count) }

  mutating func append(_ text: String) { bytes += text.utf8 }

  mutating func append(_ scalars: ArraySlice<Unicode.Scalar>) {
    for scalar in scalars {
      if scalar.isASCII {
        bytes.append(UInt8(truncatingIfNeeded: scalar.value))
      } else {
        bytes += UTF8.encode(scalar).map(Array.init) ?? []
      }
    }
  }
}

extension PythonTemplate {
  /// Takes a template apart.
  private struct Reader {
    let source: String
    let pattern: PythonPattern
    var rest: Substring.UnicodeScalarView

    init(_ source: String, _ pattern: PythonPattern) {
      self.source = source
      self.pattern = pattern
      rest = source.unicodeScalars[...]
    }

    mutating func pieces() throws(CheckpointError) -> [Piece] {
      var pieces: [Piece] = []
      var plain = String.UnicodeScalarView()
      while let scalar = rest.popFirst() {
        if scalar != "\\" {
          plain.append(scalar)
        } else if rest.first == "\\" {
          plain.append(rest.removeFirst())
        } else {
          if !plain.isEmpty { pieces.append(.text(String(plain))) }
          plain = String.UnicodeScalarView()
          pieces.append(.group(try group()))
        }
      }
      if !plain.isEmpty { pieces.append(.text(String(plain))) }
      return pieces
    }

    /// Reads what follows a backslash.
    private mutating func group() throws(CheckpointError) -> Int {
      let digits = rest.prefix(3).prefix { ("0"..."9").contains($0) }
      // Three octal digits would be a character.
      let isOctal = digits.count == 3 && digits.allSatisfy { $0 < "8" }
      if !isOctal, digits.first != "0", let number = Int(String(digits.prefix(2))) {
        rest.removeFirst(min(2, digits.count))
        return try checked(number)
      }
      if rest.starts(with: "g<".unicodeScalars), let end = rest.firstIndex(of: ">") {
        let name = String(rest.dropFirst(2).prefix(upTo: end))
        rest = rest[rest.index(after: end)...]
        return try group(name)
      }
      let found = rest.first.map { "\\\($0)" } ?? "\\ at its end"
      throw CheckpointError(
        "the replacement \(source.quoted) holds \(found.printable); expected \\1 to \\99, "
          + "\\g<name> or \\\\, and everything else as it is")
    }

    private func group(_ name: String) throws(CheckpointError) -> Int {
      if !name.isEmpty, name.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
        return try checked(Int(name) ?? Int.max)
      }
      guard let number = pattern.groupNames[ExactName(name)] else {
        throw CheckpointError(
          "the replacement \(source.quoted) names the group \(name.quoted), which "
            + "\(pattern.source.quoted) does not have")
      }
      return try checked(number)
    }

    private func checked(_ number: Int) throws(CheckpointError) -> Int {
      guard number <= pattern.groupCount else {
        throw CheckpointError(
          "the replacement \(source.quoted) names group \(number), but "
            + "\(pattern.source.quoted) has \(pattern.groupCount)")
      }
      guard !pattern.hiddenGroups.contains(number) else {
        throw CheckpointError(
          "the replacement \(source.quoted) names group \(number), which lies in a look-around "
            + "of \(pattern.source.quoted) and is not recorded")
      }
      return number
    }
  }
}
