/// Text in a frame, as rich and other programs draw it around messages.
extension LogText {
  /// Without frames, and with the lines in one again that were broken to fit into them.
  static func withoutBoxes(_ bytes: [UInt8]) -> [UInt8] {
    // All that frames are drawn with begins with these two.
    guard
      zip(bytes, bytes.dropFirst()).contains(where: {
        $0 == 0xE2 && $1 == 0x94 || $0 == 0xE2 && $1 == 0x95
      })
    else { return bytes }
    var result: [String] = []
    var box = Box()
    let newline = UInt8(ascii: "\n")
    for line in bytes.split(separator: newline, omittingEmptySubsequences: false) {
      let line = String(decoding: line, as: UTF8.self)
      let (inside, width) = inside(line)
      if let inside {
        if width != box.width { result += box.close(width) }
        box.lines.append(inside)
      } else {
        result += box.close(0)
        if !isEdge(line) { result.append(line) }
      }
    }
    result += box.close(0)
    return Array(result.joined(separator: "\n").utf8)
  }

  private static let bars: Set<Unicode.Scalar> = ["│", "┃", "║"]
  private static let corners: Set<Unicode.Scalar> = [
    "╭", "╮", "╰", "╯", "┌", "┐", "└", "┘", "┏", "┓", "┗", "┛", "╔", "╗", "╚", "╝",
  ]

  /// What stands between the outer bars of a line, whatever a logger put before them, and
  /// how many characters have room there; nil for a line without them.
  private static func inside(_ line: String) -> (Substring?, Int) {
    let scalars = line.unicodeScalars
    guard let last = scalars.lastIndex(where: { $0 != " " }), bars.contains(scalars[last]),
      let first = scalars.firstIndex(of: scalars[last]), first < last
    else { return (nil, 0) }
    let room = scalars[scalars.index(after: first)..<last]
    return (Substring(room), room.count)
  }

  /// Whether the line is the upper or lower edge of a frame, with its title.
  private static func isEdge(_ line: String) -> Bool {
    let marks = line.unicodeScalars.filter(corners.contains)
    return marks.count == 2 && line.unicodeScalars.last { $0 != " " } == marks.last
  }

  /// Lines between the bars of one frame.
  private struct Box {
    var width = 0
    var lines: [Substring] = []

    /// The lines as they were before they were put into the frame; goes on with another.
    mutating func close(_ width: Int) -> [String] {
      defer { self = Box(width: width) }
      // Most frames leave a space at either side.
      let margin = lines.allSatisfy { $0.first == " " && $0.last == " " } ? 1 : 0
      return LogText.rejoined(lines.map { $0.dropFirst(margin).dropLast(margin) })
    }
  }

  /// Lines of one width, filled up with spaces, with those in one again of which a part had
  /// no room: the next word, or the rest of one that fits into no line.
  private static func rejoined(_ lines: [Substring]) -> [String] {
    var result: [String] = []
    var before: (width: Int, room: Int, lastWord: Int)?
    for padded in lines {
      let line = padded.dropLast(padded.reversed().prefix { $0 == " " }.count)
      let word = line.prefix { $0 != " " }.count
      if let before, before.room < word + 1, word > 0, !line.hasPrefix("-"), !isOfTable(line),
        let last = result.popLast()
      {
        let isCut = before.room == 0 && before.lastWord + word > before.width
        result.append(last + (isCut && !last.hasSuffix(",") ? "" : " ") + line)
      } else {
        result.append(String(line))
      }
      before =
        isOfTable(line) || line.isEmpty
        ? nil
        : (padded.count, padded.count - line.count, line.reversed().prefix { $0 != " " }.count)
    }
    return result
  }

  /// Whether the line is a row of a table, which is no text that goes on.
  private static func isOfTable(_ line: Substring) -> Bool {
    line.contains("|") || line.unicodeScalars.contains(where: bars.contains)
  }
}
