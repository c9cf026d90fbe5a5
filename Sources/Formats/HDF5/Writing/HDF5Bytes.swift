/// Bytes in the making, as HDF5 writes them: little-endian, in multiples of eight.
struct HDF5Bytes {
  /// The address that stands for none.
  static let nowhere = UInt64.max

  private(set) var bytes: [UInt8] = []

  var count: Int { bytes.count }

  mutating func append(_ more: [UInt8]) { bytes += more }

  mutating func integer<Integer: FixedWidthInteger>(_ value: Integer) {
    for byte in 0..<Integer.bitWidth / 8 {
      bytes.append(UInt8(truncatingIfNeeded: value >> (8 * Integer(byte))))
    }
  }

  mutating func byte(_ value: UInt8) { bytes.append(value) }

  mutating func zeros(_ count: Int) { bytes += [UInt8](repeating: 0, count: count) }

  /// An address or a size: 64 bits, as the superblock says.
  mutating func address(_ value: Int) { integer(UInt64(value)) }

  /// Zeros up to the next multiple.
  mutating func pad(to multiple: Int = 8) {
    zeros((multiple - bytes.count % multiple) % multiple)
  }

  /// The text, at least one NUL, and more up to a multiple of eight.
  mutating func name(_ text: String) {
    var part = HDF5Bytes()
    part.append(Array(text.utf8))
    part.byte(0)
    part.pad()
    append(part.bytes)
  }

  /// Puts other bytes in the place of those from `offset` on, which exist.
  mutating func replace(at offset: Int, with other: [UInt8]) {
    bytes.replaceSubrange(offset..<offset + other.count, with: other)
  }
}
