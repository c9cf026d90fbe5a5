extension JSONScanner {
  /// Reads a string and undoes its escapes.
  public mutating func string(_ what: @autoclosure () -> String) throws(CheckpointError) -> String {
    guard peek() == UInt8(ascii: "\"") else { throw unexpected("\(what()) in double quotes") }
    let start = position + 1
    let end = bytes.span.endOfPlainText(from: start)
    guard end < bytes.count else {
      throw CheckpointError(offset: base + start - 1, "a string that starts here does not end")
    }
    switch bytes[end] {
    case UInt8(ascii: "\""):
      let text = try decoded(bytes.span.extracting(start..<end), at: start)
      position = end + 1
      return text
    case UInt8(ascii: "\\"): return try escapedString(from: start, firstEscape: end)
    default: throw controlCharacter(at: end)
    }
  }

  private func controlCharacter(at index: Int) -> CheckpointError {
    CheckpointError(
      offset: base + index,
      "control character 0x\(String(bytes[index], radix: 16)) inside a string")
  }

  /// The text of bytes that lie at `start`.
  private func decoded(_ text: Span<UInt8>, at start: Int) throws(CheckpointError) -> String {
    guard let utf8 = try? UTF8Span(validating: text) else {
      throw CheckpointError(offset: base + start, "a string is not valid UTF-8")
    }
    return String(copying: utf8)
  }

  private mutating func escapedString(from start: Int, firstEscape: Int) throws(CheckpointError)
    -> String
  {
    var text = Array(bytes[start..<firstEscape])
    var index = firstEscape
    while index < bytes.count {
      let byte = bytes[index]
      switch byte {
      case UInt8(ascii: "\""):
        position = index + 1
        return try decoded(text.span, at: start)
      case UInt8(ascii: "\\"):
        let (scalar, next) = try escape(at: index)
        text.append(contentsOf: Array(String(Character(scalar)).utf8))
        index = next
      case 0..<0x20: throw controlCharacter(at: index)
      default:
        text.append(byte)
        index += 1
      }
    }
    throw CheckpointError(offset: base + start - 1, "a string that starts here does not end")
  }

  private static let simpleEscapes: [UInt8: Unicode.Scalar] = [
    UInt8(ascii: "\""): "\"", UInt8(ascii: "\\"): "\\", UInt8(ascii: "/"): "/",
    UInt8(ascii: "b"): "\u{08}", UInt8(ascii: "f"): "\u{0C}", UInt8(ascii: "n"): "\n",
    UInt8(ascii: "r"): "\r", UInt8(ascii: "t"): "\t",
  ]

  /// The scalar that the escape at `index` stands for, and the index behind it.
  private func escape(at index: Int) throws(CheckpointError) -> (Unicode.Scalar, Int) {
    guard index + 1 < bytes.count else {
      throw CheckpointError(offset: base + index, "an escape is cut off by the end of the text")
    }
    if let scalar = Self.simpleEscapes[bytes[index + 1]] { return (scalar, index + 2) }
    let first = try codeUnit(at: index)
    if let scalar = Unicode.Scalar(first) { return (scalar, index + 6) }
    let lone = CheckpointError(
      offset: base + index, "a lone surrogate escape, which is no character")
    guard first < 0xDC00 else { throw lone }
    guard index + 6 < bytes.count, bytes[index + 6] == UInt8(ascii: "\\") else { throw lone }
    let second = try codeUnit(at: index + 6)
    guard (0xDC00...0xDFFF).contains(second) else { throw lone }
    let value = 0x10000 + (UInt32(first) - 0xD800) << 10 + (UInt32(second) - 0xDC00)
    guard let scalar = Unicode.Scalar(value) else { throw lone }
    return (scalar, index + 12)
  }

  /// The UTF-16 code unit that `\uXXXX` at `index` names.
  private func codeUnit(at index: Int) throws(CheckpointError) -> UInt16 {
    guard index + 1 < bytes.count, bytes[index + 1] == UInt8(ascii: "u") else {
      throw CheckpointError(offset: base + index, "an unknown escape")
    }
    guard index + 6 <= bytes.count else {
      throw CheckpointError(offset: base + index, "an escape is cut off by the end of the text")
    }
    var value: UInt16 = 0
    for byte in bytes[index + 2..<index + 6] {
      guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else {
        throw CheckpointError(offset: base + index, "an escape without four hexadecimal digits")
      }
      value = value << 4 | UInt16(digit)
    }
    return value
  }
}
