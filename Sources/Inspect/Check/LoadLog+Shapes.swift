/// Tensors of another shape, and the table of transformers 5.
extension LoadLog {
  /// The sentences about shapes of torch, old and new, and of transformers 4.
  mutating func readMismatches(_ text: String) {
    var rest = text[...]
    while let range = rest.firstRange(of: "size mismatch for ") {
      rest = rest[range.upperBound...]
      let name = rest.prefix { $0 != ":" && !$0.isNewline }
      let sentence = rest.dropFirst(name.count).prefix { !$0.isNewline }
      guard let (found, expected) = Self.shapes(sentence) else { continue }
      note(String(name), expected: expected, found: found)
    }
    for line in text.split(whereSeparator: \.isNewline) {
      guard line.contains(": found shape "), line.contains("in the model instantiated") else {
        continue
      }
      let body = line.drop { $0 == "-" || $0.isWhitespace }
      let name = body.prefix { $0 != ":" }
      guard let (found, expected) = Self.shapes(body.dropFirst(name.count)) else { continue }
      note(String(name), expected: expected, found: found)
    }
  }

  mutating func note(_ name: String, expected: [Int], found: [Int]) {
    subjects.insert(AdapterKey.hasLeaf(name) ? .adapter : .model)
    load.mismatched.append(StrictLoad.Mismatch(name, expected: expected, found: found))
  }

  /// The first two lists of numbers in brackets.
  static func shapes(_ text: Substring) -> ([Int], [Int])? {
    var shapes: [[Int]] = []
    var rest = text
    while shapes.count < 2, let start = rest.firstRange(of: "torch.Size([") {
      rest = rest[start.upperBound...]
      guard let end = rest.firstIndex(of: "]") else { return nil }
      let parts = rest[..<end].split(whereSeparator: { $0 == "," || $0 == " " })
      let numbers = parts.compactMap { Int($0) }
      guard numbers.count == parts.count, numbers.allSatisfy({ $0 >= 0 }) else { return nil }
      shapes.append(numbers)
    }
    return shapes.count == 2 ? (shapes[0], shapes[1]) : nil
  }

  /// The table of transformers 5.
  mutating func readTable(_ text: String) {
    guard text.contains("LOAD REPORT") else { return }
    for line in text.split(whereSeparator: \.isNewline) {
      let cells = line.split(separator: "|", omittingEmptySubsequences: false)
        .map { $0.split(separator: " ").joined(separator: " ") }
      guard cells.count >= 2, ["MISSING", "UNEXPECTED", "MISMATCH"].contains(cells[1]) else {
        continue
      }
      let pattern = FoldedLine(cells[0])
      isFolded = isFolded || pattern.isFolded
      subjects.insert(.model)
      switch cells[1] {
      case "MISSING": load.missing += pattern.names
      case "UNEXPECTED": load.unexpected += pattern.names
      default:
        guard let (found, expected) = Self.shapes(line[...]) else { continue }
        load.mismatched += pattern.names.map {
          StrictLoad.Mismatch($0, expected: expected, found: found)
        }
      }
    }
  }
}
