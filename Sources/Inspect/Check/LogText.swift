/// The text of a log as the program wrote it, without what terminals, loggers and web
/// pages did to it.
enum LogText {
  static func plain(_ text: String) -> String {
    var bytes = withoutRecords(Array(straightened(text).utf8))
    // A document may be a member of another one.
    for _ in 0..<maximumDepth where bytes.contains(backslash) { bytes = unescaped(bytes) }
    if bytes.contains(escape) { bytes = withoutColours(bytes) }
    if bytes.contains(carriageReturn) { bytes = withoutReturns(bytes) }
    bytes = withoutBoxes(bytes)
    return String(decoding: unbroken(bytes), as: UTF8.self)
  }

  /// How often a log is escaped at most.
  private static let maximumDepth = 3

  private static let backslash = UInt8(ascii: "\\")
  private static let escape: UInt8 = 0x1B
  private static let carriageReturn: UInt8 = 0x0D
  private static let newline: UInt8 = 0x0A

  /// Without what word processors make of quotes and spaces.
  private static func straightened(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: { marks[$0] != nil }) else { return text }
    var result = String.UnicodeScalarView()
    result.append(contentsOf: text.unicodeScalars.map { marks[$0] ?? $0 })
    return String(result)
  }

  private static let marks: [Unicode.Scalar: Unicode.Scalar] = [
    "“": "\"", "”": "\"", "‘": "'", "’": "'", "\u{A0}": " ",
  ]
}

// MARK: Escapes

extension LogText {
  /// With what a JSON string or a `repr` of Python escapes: logs are often a member of
  /// some other document.
  private static func unescaped(_ bytes: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    var index = 0
    while index < bytes.count {
      guard bytes[index] == backslash, index + 1 < bytes.count else {
        result.append(bytes[index])
        index += 1
        continue
      }
      if let byte = escapes[bytes[index + 1]] {
        result.append(byte)
        index += 2
      } else if let code = escapeCodes.first(where: { bytes[(index + 1)...].starts(with: $0) }) {
        result.append(escape)
        index += 1 + code.count
      } else {
        result.append(backslash)
        index += 1
      }
    }
    return result
  }

  private static let escapes: [UInt8: UInt8] = [
    UInt8(ascii: "n"): newline, UInt8(ascii: "r"): carriageReturn, UInt8(ascii: "t"): 0x09,
    UInt8(ascii: "\""): UInt8(ascii: "\""), UInt8(ascii: "'"): UInt8(ascii: "'"),
    backslash: backslash,
  ]

  private static let escapeCodes = ["u001b", "u001B", "x1b", "x1B", "033"].map { Array($0.utf8) }
}

// MARK: Terminals

extension LogText {
  /// Without escape sequences: `ESC [ … letter`, and `ESC ] … BEL` for links and titles.
  private static func withoutColours(_ bytes: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    var index = 0
    while index < bytes.count {
      guard bytes[index] == escape else {
        result.append(bytes[index])
        index += 1
        continue
      }
      index += 1
      guard index < bytes.count else { break }
      let isCommand = bytes[index] == UInt8(ascii: "]")
      if bytes[index] == UInt8(ascii: "[") || isCommand { index += 1 }
      while index < bytes.count, !ends(bytes[index], isCommand: isCommand) { index += 1 }
      index += 1
    }
    return result
  }

  private static func ends(_ byte: UInt8, isCommand: Bool) -> Bool {
    isCommand ? byte == 0x07 || byte == escape : (0x40...0x7E).contains(byte)
  }

  /// Lines that end as on Unix; a progress bar starts its line anew.
  private static func withoutReturns(_ bytes: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    for (index, byte) in bytes.enumerated() {
      if byte != carriageReturn {
        result.append(byte)
      } else if index + 1 == bytes.count || bytes[index + 1] != newline {
        result.append(newline)
      }
    }
    return result
  }

  /// With the lines that a terminal broke in one again: those are as long as it is wide,
  /// and none is longer.
  ///
  /// The rows of a table and the line below its head are all of one length and are left
  /// alone; so are lines after which something begins that no terminal would.
  private static func unbroken(_ bytes: [UInt8]) -> [UInt8] {
    let lines = bytes.split(separator: newline, omittingEmptySubsequences: false)
    let width = lines.map(\.count).max() ?? 0
    guard width >= minimumWidth else { return bytes }
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    for (number, line) in lines.enumerated() {
      result += line
      guard number + 1 < lines.count else { break }
      let isBroken = line.count == width && !isOfTable(line) && continues(lines[number + 1])
      if !isBroken { result.append(newline) }
    }
    return result
  }

  private static let minimumWidth = 40

  private static func isOfTable(_ line: ArraySlice<UInt8>) -> Bool {
    line.contains(UInt8(ascii: "|"))
      || line.allSatisfy { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "+") }
  }

  /// Whether the line can be the rest of another: programs begin lists with tabs and
  /// dashes.
  private static func continues(_ line: ArraySlice<UInt8>) -> Bool {
    line.first.map { $0 != 0x09 && $0 != UInt8(ascii: "-") } ?? false
  }
}
