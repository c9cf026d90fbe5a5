extension String {
  /// The text that a file holds: UTF-8, or UTF-16 with the mark of its byte order, as
  /// Windows writes it. Nil for anything else, and for text with a NUL in it.
  public init?(text bytes: [UInt8]) {
    let decoded: String? =
      switch bytes.prefix(2) {
      case [0xFF, 0xFE]: Self.utf16(bytes.dropFirst(2), low: 0)
      case [0xFE, 0xFF]: Self.utf16(bytes.dropFirst(2), low: 1)
      default:
        String(
          validating: bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes.dropFirst(3) : bytes[...],
          as: UTF8.self)
      }
    guard let decoded, !decoded.utf8.contains(0) else { return nil }
    self = decoded
  }

  /// `low` is the place of the lower byte in each pair.
  private static func utf16(_ bytes: ArraySlice<UInt8>, low: Int) -> String? {
    guard bytes.count.isMultiple(of: 2) else { return nil }
    let units = stride(from: bytes.startIndex, to: bytes.endIndex, by: 2).map { index in
      UInt16(bytes[index + low]) | UInt16(bytes[index + 1 - low]) << 8
    }
    return String(validating: units, as: UTF16.self)
  }
}
