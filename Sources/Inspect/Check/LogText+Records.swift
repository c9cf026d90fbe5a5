import Formats

/// Logs of which every line is an object of JSON.
extension LogText {
  /// With what such lines hold as their text; other lines stay as they are.
  static func withoutRecords(_ bytes: [UInt8]) -> [UInt8] {
    let newline = UInt8(ascii: "\n")
    let lines = bytes.split(separator: newline, omittingEmptySubsequences: false)
    guard lines.contains(where: isRecord) else { return bytes }
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    for line in lines {
      guard let (text, endsLine) = text(of: line) else {
        result += line
        result.append(newline)
        continue
      }
      result += text.utf8
      if endsLine, !text.hasSuffix("\n") { result.append(newline) }
    }
    return result
  }

  /// What holds the text of a line. Docker cuts long lines, and only the last part of one
  /// ends it.
  private static let members = [
    (name: "log", endsLine: false), (name: "message", endsLine: true),
    (name: "msg", endsLine: true),
  ]

  private static func isRecord(_ line: ArraySlice<UInt8>) -> Bool {
    line.starts(with: "{\"".utf8) && (line.last == UInt8(ascii: "}") || line.last == 0x0D)
  }

  private static func text(of line: ArraySlice<UInt8>) -> (text: String, endsLine: Bool)? {
    guard isRecord(line), let json = try? JSONValue(parsing: Array(line)) else { return nil }
    return members.lazy.compactMap { member in
      json[member.name]?.string.map { ($0, member.endsLine) }
    }.first
  }
}
