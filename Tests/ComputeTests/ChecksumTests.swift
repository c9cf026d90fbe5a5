import Testing

@testable import Compute

struct ChecksumTests {
  /// Values that zlib gives.
  static let known: [(text: String, checksum: UInt32)] = [
    ("", 0), ("a", 0xE8B7_BE43), ("123456789", 0xCBF4_3926),
    ("The quick brown fox jumps over the lazy dog", 0x414F_A339),
  ]

  @Test(arguments: known) func `texts have the checksums that zlib gives them`(
    text: String, checksum: UInt32
  ) {
    #expect(crc32(Array(text.utf8)) == checksum)
  }

  @Test func `a large piece has the checksum that zlib gives it`() {
    // zlib.crc32(bytes(i * 7 % 251 for i in range(1 << 20)))
    #expect(crc32(Self.bytes(1 << 20)) == 0xF1EE_D7FF)
  }

  @Test(arguments: [false, true]) func `every length at every alignment agrees with long division`(
    carryless: Bool
  ) {
    guard !carryless || Checksum.hasCarryless else { return }
    let bytes = Self.bytes(300 + 64)
    for start in 0..<64 {
      var expected: UInt32 = 0x1234_5678
      for count in 0...300 {
        let found = Checksum.crc32(
          unsafe bytes[start..<start + count].span.bytes, seed: 0x1234_5678, carryless: carryless)
        #expect(found == expected)
        expected = Self.divided(expected, bytes[start + count])
      }
    }
  }

  @Test(arguments: [0, 1, 2, 63, 64, 127, 128, 129, 1000, 4095, 4096])
  func `pieces combine to the checksum of the whole`(cut: Int) {
    let bytes = Self.bytes(4096)
    let (first, second) = (crc32(Array(bytes[..<cut])), crc32(Array(bytes[cut...])))
    #expect(Checksum.combine(first, second, count: 4096 - cut) == crc32(bytes))
  }

  @Test func `pieces longer than four gigabytes combine`() {
    // Zeros, doubled again and again, against the sum of the parts.
    let step = crc32([UInt8](repeating: 0, count: 1 << 20))
    var whole = step
    for power in 20..<34 { whole = Checksum.combine(whole, whole, count: 1 << power) }
    var other: UInt32 = 0
    for _ in 0..<1 << 14 { other = Checksum.combine(other, step, count: 1 << 20) }
    #expect(whole == other)
  }

  private static func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8($0 * 7 % 251) }
  }

  /// The definition, one bit at a time.
  private static func divided(_ checksum: UInt32, _ byte: UInt8) -> UInt32 {
    var remainder = ~checksum ^ UInt32(byte)
    for _ in 0..<8 {
      remainder = remainder >> 1 ^ (remainder & 1 == 1 ? 0xEDB8_8320 : 0)
    }
    return ~remainder
  }
}

private func crc32(_ bytes: [UInt8]) -> UInt32 {
  Checksum.crc32(unsafe bytes.span.bytes)
}
