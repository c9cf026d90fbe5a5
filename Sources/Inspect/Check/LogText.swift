/// The text of a log as the program wrote it, without what terminals, loggers and web
/// pages did to it.
enum LogText {
  static func plain(_ text: String) -> String {
    var scalars = Array(text.unicodeScalars)
    // A document may be a member of another one.
    for _ in 0..<maximumDepth where scalars.contains("\\") { scalars = unescaped(scalars) }
    if scalars.contains("\u{1B}") { scalars = withoutColours(scalars) }
    if scalars.contains("\r") { scalars = withoutReturns(scalars) }
    if scalars.contains(where: { "“”‘’\u{A0}".unicodeScalars.contains($0) }) {
      scalars = scalars.map { quotes[$0] ?? $0 }
    }
    return string(unbroken(scalars))
  }

  /// How often a log is escaped at most.
  private static let maximumDepth = 3

  private static func string(_ scalars: some Sequence<Unicode.Scalar>) -> String {
    var result = String.UnicodeScalarView()
    result.append(contentsOf: scalars)
    return String(result)
  }

  /// With the lines that a terminal broke in one again: those are as long as it is wide,
  /// and none is longer.
  ///
  /// The rows of a table and the line below its head are all of one length and are left
  /// alone; so are lines after which something begins that no terminal would.
  private static func unbroken(_ scalars: [Unicode.Scalar]) -> [Unicode.Scalar] {
    let lines = scalars.split(separator: "\n", omittingEmptySubsequences: false)
    let width = lines.map(\.count).max() ?? 0
    guard width >= minimumWidth else { return scalars }
    var result: [Unicode.Scalar] = []
    result.reserveCapacity(scalars.count)
    for (number, line) in lines.enumerated() {
      result += line
      guard number + 1 < lines.count else { break }
      let isBroken =
        line.count == width && !line.contains("|") && line.contains { $0 != "-" && $0 != "+" }
        && lines[number + 1].first.map { !"\t-".unicodeScalars.contains($0) } ?? false
      if !isBroken { result.append("\n") }
    }
    return result
  }

  private static let minimumWidth = 40

  /// What word processors make of quotes and spaces.
  private static let quotes: [Unicode.Scalar: Unicode.Scalar] = [
    "“": "\"", "”": "\"", "‘": "'", "’": "'", "\u{A0}": " ",
  ]

  /// Without escape sequences: `ESC [ … letter`, and `ESC ] … BEL` for links and titles.
  private static func withoutColours(_ scalars: [Unicode.Scalar]) -> [Unicode.Scalar] {
    var result: [Unicode.Scalar] = []
    var index = 0
    while index < scalars.count {
      guard scalars[index] == "\u{1B}" else {
        result.append(scalars[index])
        index += 1
        continue
      }
      index += 1
      guard index < scalars.count else { break }
      let isCommand = scalars[index] == "]"
      if scalars[index] == "[" || isCommand { index += 1 }
      while index < scalars.count, !ends(scalars[index], isCommand: isCommand) { index += 1 }
      index += 1
    }
    return result
  }

  private static func ends(_ scalar: Unicode.Scalar, isCommand: Bool) -> Bool {
    isCommand ? scalar == "\u{07}" || scalar == "\u{1B}" : ("@"..."~").contains(scalar)
  }

  /// Lines that end as on Unix; a progress bar starts its line anew.
  private static func withoutReturns(_ scalars: [Unicode.Scalar]) -> [Unicode.Scalar] {
    var result: [Unicode.Scalar] = []
    for (index, scalar) in scalars.enumerated() {
      guard scalar == "\r" else {
        result.append(scalar)
        continue
      }
      if index + 1 < scalars.count, scalars[index + 1] == "\n" { continue }
      result.append("\n")
    }
    return result
  }

  /// With what a JSON string or a `repr` of Python escapes: logs are often a member of
  /// some other document.
  private static func unescaped(_ scalars: [Unicode.Scalar]) -> [Unicode.Scalar] {
    var result: [Unicode.Scalar] = []
    var index = 0
    while index < scalars.count {
      guard scalars[index] == "\\", index + 1 < scalars.count else {
        result.append(scalars[index])
        index += 1
        continue
      }
      let next = scalars[index + 1]
      if let scalar = escapes[next] {
        result.append(scalar)
        index += 2
      } else if let code = escapeCode(scalars[(index + 1)...]) {
        result.append("\u{1B}")
        index += 1 + code
      } else {
        result.append("\\")
        index += 1
      }
    }
    return result
  }

  private static let escapes: [Unicode.Scalar: Unicode.Scalar] = [
    "n": "\n", "r": "\r", "t": "\t", "\"": "\"", "'": "'", "\\": "\\",
  ]

  /// The length of `u001b`, `x1b` or `033`.
  private static func escapeCode(_ scalars: ArraySlice<Unicode.Scalar>) -> Int? {
    for code in ["u001b", "x1b", "033"] {
      if string(scalars.prefix(code.count)).lowercased() == code { return code.count }
    }
    return nil
  }
}
