/// Tensors of another shape.
extension LoadLog {
  /// A sentence that names a tensor and two shapes.
  private struct ShapeSentence: Sendable {
    /// What it begins with.
    let mark: String
    /// What stands before the name, and after it.
    var before = ""
    let after: String
    /// What else it has to hold.
    let word: String
    /// Whether the model's shape is the first of the two.
    var isExpectedFirst = false
    var opening = "torch.Size(["
  }

  private static let sentences = [
    // Torch, old and new.
    ShapeSentence(mark: "size mismatch for ", after: ":", word: "copying a param"),
    ShapeSentence(
      mark: "While copying the parameter named \"", after: "\"", word: "whose dimensions",
      isExpectedFirst: true),
    // Diffusers.
    ShapeSentence(mark: " because ", after: " ", word: "expected shape", isExpectedFirst: true),
    ShapeSentence(
      mark: "Cannot load ", after: " ", word: "because it has shape", opening: "shape ("),
    // Accelerate and transformers 4: only the last part of the name.
    ShapeSentence(
      mark: "Trying to set a tensor of shape", before: " in \"", after: "\"",
      word: " incorrect"),
  ]

  /// Longer ones were cut, and another follows.
  private static let maximumSentenceLength = 1500

  mutating func readMismatches(_ text: String, _ search: LogSearch) {
    for sentence in Self.sentences
    where search.contains(sentence.mark) && search.contains(sentence.word) {
      read(sentence, text)
    }
    if search.contains(Self.foundShape) { readInstantiated(text) }
  }

  private static let foundShape = ": found shape "

  private mutating func read(_ sentence: ShapeSentence, _ text: String) {
    var rest = text[...]
    while let range = rest.firstRange(of: sentence.mark) {
      rest = rest[range.upperBound...]
      var body = rest.prefix(Self.maximumSentenceLength)
      if let next = body.firstRange(of: sentence.mark) { body = body[..<next.lowerBound] }
      // A terminal may have broken it anywhere.
      let line = body.filter { !$0.isNewline }
      guard line.contains(sentence.word),
        let start = sentence.before.isEmpty
          ? line.startIndex : line.firstRange(of: sentence.before)?.upperBound,
        let end = line[start...].firstRange(of: sentence.after)?.lowerBound,
        let (first, second) = Self.shapes(line[...], sentence.opening)
      else { continue }
      note(
        String(line[start..<end]), expected: sentence.isExpectedFirst ? first : second,
        found: sentence.isExpectedFirst ? second : first)
    }
  }

  /// The lists of transformers 4, whose words PEFT took over.
  private mutating func readInstantiated(_ text: String) {
    for line in text.split(whereSeparator: \.isNewline) {
      guard let range = line.firstRange(of: Self.foundShape),
        line.contains("in the model instantiated"),
        // The first may follow its heading.
        let name = line[..<range.lowerBound].split(separator: " ").last,
        let (found, expected) = Self.shapes(line[range.upperBound...])
      else { continue }
      note(String(name), expected: expected, found: found)
    }
  }

  mutating func note(_ name: String, expected: [Int], found: [Int]) {
    // Torch names both shapes whatever went wrong.
    guard expected != found else { return }
    // Only a model that PEFT has wrapped knows such names.
    let isAdapter = AdapterKey.hasLeaf(name) || name.hasPrefix("base_model.model.")
    subjects.insert(isAdapter ? .adapter : .model)
    load.mismatched.append(StrictLoad.Mismatch(name, expected: expected, found: found))
  }

  /// The first two lists of numbers after what opens them.
  static func shapes(_ text: Substring, _ opening: String = "torch.Size([") -> ([Int], [Int])? {
    var shapes: [[Int]] = []
    var rest = text
    while shapes.count < 2, let start = rest.firstRange(of: opening) {
      rest = rest[start.upperBound...]
      guard let end = rest.firstIndex(where: { $0 == "]" || $0 == ")" }) else { return nil }
      let parts = rest[..<end].split(whereSeparator: { $0 == "," || $0 == " " })
      let numbers = parts.compactMap { Int($0) }
      guard numbers.count == parts.count, numbers.allSatisfy({ $0 >= 0 }) else { return nil }
      shapes.append(numbers)
    }
    return shapes.count == 2 ? (shapes[0], shapes[1]) : nil
  }
}
