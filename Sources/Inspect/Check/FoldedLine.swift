/// Names as transformers 5 folds them: `layers.{0, 1}.q_proj` and `layers.{0...31}.k`,
/// which also stands for lists with holes.
struct FoldedLine {
  /// The most names that one line is taken to stand for.
  static let maximumCount = 100_000

  let names: [String]
  let isFolded: Bool

  init(_ text: String) {
    var results = [""]
    var isFolded = false
    var rest = text[...]
    while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
      let numbers = Self.numbers(rest[rest.index(after: open)..<close])
      let before = rest[..<open]
      guard !numbers.isEmpty, results.count <= Self.maximumCount / numbers.count else { break }
      isFolded = true
      results = results.flatMap { start in numbers.map { "\(start)\(before)\($0)" } }
      rest = rest[rest.index(after: close)...]
    }
    names = results.map { $0 + rest }
    self.isFolded = isFolded
  }

  private static func numbers(_ text: Substring) -> [Int] {
    if let dots = text.firstRange(of: "...") {
      guard let first = Int(text[..<dots.lowerBound]), let last = Int(text[dots.upperBound...]),
        first >= 0, first <= last, last - first < maximumCount
      else { return [] }
      return Array(first...last)
    }
    let parts = text.split(whereSeparator: { $0 == "," || $0 == " " })
    let numbers = parts.compactMap { Int($0) }
    return numbers.count == parts.count ? numbers : []
  }
}
