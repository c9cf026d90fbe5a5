extension HDF5Type {
  /// The type as a message of an object header has it, in the first version of the
  /// encoding, which every library reads.
  var message: [UInt8] {
    var bytes = HDF5Bytes()
    switch self {
    case .integer(let byteCount, let isSigned, _):
      Self.head(&bytes, class: 0, bits: isSigned ? 8 : 0, byteCount)
      bytes.integer(UInt16(0))
      bytes.integer(UInt16(8 * byteCount))
    case .float(let float, _): Self.write(float, to: &bytes)
    case .string(let byteCount, let isVariable):
      // Padded with NULs, or a C string of any length on a heap; in UTF-8.
      if isVariable {
        Self.head(&bytes, class: 9, bits: 0x101, Self.heapReferenceByteCount)
        bytes.append(HDF5Type.integer(byteCount: 1, isSigned: false).message)
      } else {
        Self.head(&bytes, class: 3, bits: 0x11, byteCount)
      }
    case .opaque(let byteCount), .other(_, let byteCount, _):
      Self.head(&bytes, class: 5, bits: 0, byteCount)
    case .enumeration(let base, let members):
      Self.head(&bytes, class: 8, bits: members.count, base.byteCount)
      bytes.append(base.message)
      for member in members { bytes.name(member.name) }
      for member in members {
        for byte in 0..<base.byteCount {
          bytes.byte(UInt8(truncatingIfNeeded: member.number >> (8 * byte)))
        }
      }
    case .compound(let byteCount, let members, let types):
      Self.head(&bytes, class: 6, bits: members.count, byteCount)
      for (member, type) in zip(members, types) {
        bytes.name(member.name)
        bytes.integer(UInt32(member.number))
        // No axes, no permutation of them.
        bytes.zeros(28)
        bytes.append(type.message)
      }
    }
    return bytes.bytes
  }

  /// What stands for a string of any length: its length, the heap and the place there.
  static let heapReferenceByteCount = 16

  /// Class and version, 24 bits that depend on the class, the size of an element.
  private static func head(_ bytes: inout HDF5Bytes, class: Int, bits: Int, _ byteCount: Int) {
    bytes.integer(UInt32(1 << 4 | `class` | bits << 8))
    bytes.integer(UInt32(byteCount))
  }

  private static func write(_ float: HDF5Float, to bytes: inout HDF5Bytes) {
    let precision = 8 * float.byteCount
    // The first bit of the mantissa is implied; the sign is the highest bit.
    head(&bytes, class: 1, bits: 0x20 | (precision - 1) << 8, float.byteCount)
    bytes.integer(UInt16(0))
    bytes.integer(UInt16(precision))
    bytes.byte(UInt8(float.mantissaWidth))
    bytes.byte(UInt8(float.exponentWidth))
    bytes.byte(0)
    bytes.byte(UInt8(float.mantissaWidth))
    bytes.integer(UInt32(float.bias))
  }
}
