// Looks at bytes eight at a time: names are most of a large header.
//
// The loads are bounds-checked, and every bit pattern is an integer.

extension Span<UInt8> {
  /// The position from `start` on of the first byte that cannot stand for itself in
  /// a JSON string (a quote, a backslash, a control character), or the count.
  func endOfPlainText(from start: Int = 0) -> Int {
    let bytes = unsafe self.bytes
    var index = start
    while index + 8 <= count {
      let word = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self)
      let marks = marksOfSpecialBytes(in: UInt64(littleEndian: word))
      if marks != 0 { return index + marks.trailingZeroBitCount / 8 }
      index += 8
    }
    while index < count, !isSpecial(self[index]) { index += 1 }
    return index
  }

  /// Whether all bytes are ASCII and none is a control character.
  public var isPrintableASCII: Bool {
    let bytes = unsafe self.bytes
    var index = 0
    while index + 8 <= count {
      let word = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self)
      if (word | marks(ofBytesBelow: 0x20, word) | marks(ofBytesBelow: 1, word ^ ones &* 0x7F))
        & ones << 7 != 0
      {
        return false
      }
      index += 8
    }
    while index < count, 0x20..<0x7F ~= self[index] { index += 1 }
    return index == count
  }

  /// The number of bytes at the start that are those of `other`.
  public func commonPrefixCount(with other: Span<UInt8>) -> Int {
    let (bytes, others) = unsafe (self.bytes, other.bytes)
    let limit = Swift.min(count, other.count)
    var index = 0
    while index + 8 <= limit {
      let word = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self)
      let second = unsafe others.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self)
      if word != second {
        return index + UInt64(littleEndian: word ^ second).trailingZeroBitCount / 8
      }
      index += 8
    }
    while index < limit, self[index] == other[index] { index += 1 }
    return index
  }
}

private func isSpecial(_ byte: UInt8) -> Bool {
  byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
}

/// A word whose lowest set bit is the highest of the first special byte; 0 where
/// there is none.
private func marksOfSpecialBytes(in word: UInt64) -> UInt64 {
  marks(ofBytesBelow: 0x20, word)
    | marks(ofBytesBelow: 1, word ^ ones &* UInt64(UInt8(ascii: "\"")))
    | marks(ofBytesBelow: 1, word ^ ones &* UInt64(UInt8(ascii: "\\")))
}

/// A word that is 0 where no byte is below `limit`, and whose lowest set bit is else
/// the highest of the first such byte. Bits above it may be set wrongly, as a byte
/// below the limit borrows from the next.
private func marks(ofBytesBelow limit: UInt64, _ word: UInt64) -> UInt64 {
  (word &- ones &* limit) & ~word & ones << 7
}

private var ones: UInt64 { 0x0101_0101_0101_0101 }
