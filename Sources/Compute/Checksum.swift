internal import CKernels

/// The CRC-32 of zip archives (ISO 3309), at the speed of memory.
public enum Checksum {
  /// The checksum of what had the checksum `seed`, followed by `bytes`; nothing
  /// has the checksum 0.
  public static func crc32(_ bytes: RawSpan, seed: UInt32 = 0) -> UInt32 {
    crc32(bytes, seed: seed, carryless: hasCarryless)
  }

  static func crc32(_ bytes: RawSpan, seed: UInt32, carryless: Bool) -> UInt32 {
    // The kernel reads the bytes of the span.
    unsafe bytes.withUnsafeBytes { bytes in
      unsafe kernel_crc32(carryless ? 1 : 0, seed, bytes.baseAddress, bytes.count)
    }
  }

  /// The checksum of two pieces, one after the other, of which the second has
  /// `count` bytes.
  public static func combine(_ first: UInt32, _ second: UInt32, count: Int) -> UInt32 {
    precondition(count >= 0, "a piece of \(count) bytes")
    // Each byte of the second piece multiplies the first one's remainder by x^8.
    var remainder = first
    var power = UInt32(1) << 23
    var rest = count
    while rest > 0 {
      if rest & 1 == 1 { remainder = product(remainder, power) }
      power = product(power, power)
      rest >>= 1
    }
    return remainder ^ second
  }

  /// Whether the processor has the instruction that makes this fast.
  static let hasCarryless = kernel_has_carryless() != 0

  /// The product of two remainders modulo the polynomial. The highest bit is the
  /// coefficient of x^0.
  private static func product(_ a: UInt32, _ b: UInt32) -> UInt32 {
    var product: UInt32 = 0
    var shifted = b
    for bit in 0..<32 {
      if a >> (31 - bit) & 1 == 1 { product ^= shifted }
      shifted = shifted >> 1 ^ (shifted & 1 == 1 ? 0xEDB8_8320 : 0)
    }
    return product
  }
}
