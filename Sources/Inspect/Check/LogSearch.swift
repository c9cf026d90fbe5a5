/// The text of a log in which many sentences are looked for, of which few are there.
struct LogSearch {
  private let bytes: [UInt8]

  init(_ text: String) { bytes = Array(text.utf8) }

  /// Whether the text holds the mark, compared byte by byte: a log may be long, and
  /// comparing characters takes many times as long.
  func contains(_ mark: String) -> Bool {
    let mark = Array(mark.utf8)
    guard let first = mark.first else { return true }
    var index = 0
    while index + mark.count <= bytes.count {
      if bytes[index] == first, matches(mark, at: index) { return true }
      index += 1
    }
    return false
  }

  private func matches(_ mark: [UInt8], at start: Int) -> Bool {
    for offset in mark.indices where bytes[start + offset] != mark[offset] { return false }
    return true
  }
}
