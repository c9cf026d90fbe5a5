/// The table of transformers 5.
extension LoadLog {
  private static let states: Set<String> = ["MISSING", "UNEXPECTED", "MISMATCH"]

  mutating func readTable(_ text: String) {
    let lines = text.split(whereSeparator: \.isNewline)
    var broken: Substring?
    for (number, line) in lines.enumerated() {
      var cells = Self.cells(line)
      // A narrow terminal breaks a line between two cells,
      if number > 0, Self.states.contains(cells[0]) { cells = Self.cells(lines[number - 1] + line) }
      guard let state = cells.firstIndex(where: Self.states.contains), state > 0 else {
        // or within the first.
        broken = cells.count == 1 ? line : nil
        continue
      }
      let key = Self.key(cells[state - 1], after: broken)
      broken = nil
      guard !key.isEmpty else { continue }
      var detail = String(line)
      if cells[state] == "MISMATCH", Self.shapes(detail[...]) == nil, number + 1 < lines.count {
        detail += lines[(number + 1)...].prefix(3).joined()
      }
      note(FoldedLine(key), cells[state], detail: detail)
    }
  }

  private static func cells(_ line: Substring) -> [String] {
    line.split(separator: "|", omittingEmptySubsequences: false)
      .map { $0.split(separator: " ").joined(separator: " ") }
  }

  private mutating func note(_ pattern: FoldedLine, _ state: String, detail: String) {
    switch state {
    case "MISSING":
      load.missing += pattern.names
      loader = .transformers
      // The model's own call for its adapter makes a table too.
      subjects.insert(pattern.names.allSatisfy(AdapterKey.hasLeaf) ? .adapter : .model)
    case "UNEXPECTED":
      load.unexpected += pattern.names
      subjects.insert(.model)
    default:
      guard let (found, expected) = Self.shapes(detail[...]) else { return }
      for name in pattern.names { note(name, expected: expected, found: found) }
    }
    isFolded = isFolded || pattern.isFolded
  }

  /// The name in a cell, without what a logger put before it, and with its beginning where
  /// that stands on a line of its own.
  private static func key(_ cell: String, after broken: Substring?) -> String {
    var depth = 0
    var start = cell.startIndex
    for index in cell.indices {
      switch cell[index] {
      case "{": depth += 1
      case "}": depth -= 1
      case " " where depth == 0: start = cell.index(after: index)
      default: break
      }
    }
    let key = String(cell[start...])
    guard let broken, let last = broken.split(separator: " ").last,
      key.isEmpty || !broken.hasSuffix(" "), last.contains("."), !last.contains(where: isNoName)
    else { return key }
    return last + key
  }

  private static func isNoName(_ character: Character) -> Bool { "()[]'\":/+=".contains(character) }
}
