import Formats

/// The order in which names are shown: runs of digits compare as numbers, so that
/// layer 2 comes before layer 10, and a dot before anything else, so that what
/// lies in one module stays together.
///
/// The order is total: names that differ only in leading zeros (`a.01`, `a.1`)
/// compare byte by byte in the end.
public enum NaturalOrder {
  /// Whether `a` stands before `b`.
  public static func precedes(_ a: String, _ b: String) -> Bool {
    compare(a.utf8.span, b.utf8.span) < 0
  }

  /// The names in natural order.
  public static func sorted(_ names: some Sequence<String>) -> [String] {
    names.sorted(by: precedes)
  }

  /// The elements in the natural order of their names.
  public static func sorted<Element>(
    _ elements: [Element], by name: (Element) -> String
  ) -> [Element] {
    // Positions are cheaper to move about than elements.
    let names = elements.map(name)
    // Many a file is in order already.
    if names.indices.dropFirst().allSatisfy({ !precedes(names[$0], names[$0 - 1]) }) {
      return elements
    }
    return elements.indices.sorted { precedes(names[$0], names[$1]) }.map { elements[$0] }
  }

  /// Negative, zero or positive as `a` stands before, at or after `b`.
  private static func compare(_ a: Span<UInt8>, _ b: Span<UInt8>) -> Int {
    // What the names begin with alike decides nothing, but for the start of a number.
    var i = a.commonPrefixCount(with: b)
    while i > 0, isDigit(a[i - 1]) { i -= 1 }
    var j = i
    var tie = 0
    while i < a.count, j < b.count {
      if isDigit(a[i]), isDigit(b[j]) {
        let first = digitRun(a, from: i)
        let second = digitRun(b, from: j)
        let order = compareNumbers(a, first, b, second)
        if order != 0 { return order }
        // Equal numbers: fewer leading zeros first, if nothing else differs.
        if tie == 0 { tie = first.count - second.count + (first.start - i) - (second.start - j) }
        i = first.start + first.count
        j = second.start + second.count
      } else {
        if a[i] != b[j] { return rank(a[i]) - rank(b[j]) }
        i += 1
        j += 1
      }
    }
    let rest = (a.count - i) - (b.count - j)
    return rest != 0 ? rest : tie
  }

  /// The digits of a number without its leading zeros.
  private static func digitRun(_ text: Span<UInt8>, from start: Int) -> (start: Int, count: Int) {
    var first = start
    while first < text.count, text[first] == UInt8(ascii: "0") { first += 1 }
    var end = first
    while end < text.count, isDigit(text[end]) { end += 1 }
    return (first, end - first)
  }

  private static func compareNumbers(
    _ a: Span<UInt8>, _ first: (start: Int, count: Int),
    _ b: Span<UInt8>, _ second: (start: Int, count: Int)
  ) -> Int {
    if first.count != second.count { return first.count - second.count }
    for offset in 0..<first.count {
      let (x, y) = (a[first.start + offset], b[second.start + offset])
      if x != y { return Int(x) - Int(y) }
    }
    return 0
  }

  private static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

  private static func rank(_ byte: UInt8) -> Int {
    byte == UInt8(ascii: ".") ? 0 : Int(byte) + 1
  }
}
