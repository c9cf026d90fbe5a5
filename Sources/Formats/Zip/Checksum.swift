import CZlib

/// The CRC-32 of zip (ISO 3309), by zlib.
enum Checksum {
  /// The bytes that are read from a file at a time.
  private static let blockSize = 1 << 20

  /// The checksum of what had checksum `checksum`, followed by `bytes`.
  static func update(_ checksum: UInt32, with bytes: RawSpan) -> UInt32 {
    unsafe bytes.withUnsafeBytes { bytes in
      let start = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
      return unsafe UInt32(crc32_z(UInt(checksum), start, bytes.count))
    }
  }

  /// The checksum of two pieces, one after the other, of which the second has
  /// `count` bytes.
  static func combine(_ first: UInt32, _ second: UInt32, count: Int) -> UInt32 {
    UInt32(crc32_combine(UInt(first), UInt(second), count))
  }

  /// The checksum of the decoded data of a zip entry.
  static func of(_ entry: ZipArchive.Entry) throws(CheckpointError) -> UInt32 {
    var checksum: UInt32 = 0
    var source: Inflate?
    if entry.method == .deflated {
      source = try Inflate(entry.data, decodedByteCount: entry.size)
    }
    var block = [UInt8](repeating: 0, count: min(blockSize, entry.size))
    var done = 0
    while done < entry.size {
      let count = min(block.count, entry.size - done)
      if count < block.count { block.removeLast(block.count - count) }
      var span = block.mutableSpan
      var raw = unsafe span.mutableBytes
      if source == nil {
        try entry.data.file.read(into: &raw, at: entry.data.offset + done)
      } else {
        try source?.read(into: &raw)
      }
      checksum = update(checksum, with: raw.bytes)
      done += count
    }
    try source?.finish()
    return checksum
  }
}
