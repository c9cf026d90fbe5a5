import TestSupport
import Testing

@testable import Compute

/// The tables made by torch in fixtures/compute.
enum Tables {
  /// The digests by what they are of: "widen F16".
  static let digests: [String: String] = {
    var digests: [String: String] = [:]
    for line in String(decoding: file("digests.txt"), as: UTF8.self).split(separator: "\n") {
      let words = line.split(separator: " ").map(String.init)
      digests[words[0] + " " + words[1]] = words[2]
    }
    return digests
  }()

  /// The float32 bits of the 256 codes of an 8-bit type.
  static func widened(_ type: ElementType) -> [UInt32] {
    let bytes = file("widen/\(type.name).bin")
    return stride(from: 0, to: bytes.count, by: 4).map { start in
      (0..<4).reduce(0) { $0 | UInt32(bytes[start + $1]) << (8 * UInt32($1)) }
    }
  }

  /// The digest of make_tables.py: a sum of the elements, mixed with their index.
  static func digest(_ values: [UInt32]) -> String {
    var sum: UInt64 = 0
    for index in values.indices {
      var mixed = UInt64(values[index]) &+ UInt64(index) &* 0x9E37_79B9_7F4A_7C15
      mixed ^= mixed >> 32
      mixed = mixed &* 0xD6E8_FEB8_6659_FD93
      mixed ^= mixed >> 29
      sum = sum &+ mixed
    }
    let digits = String(sum, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  private static func file(_ name: String) -> [UInt8] {
    do {
      return try Fixtures.bytes("compute/\(name)")
    } catch {
      Issue.record(error)
      return []
    }
  }
}

extension ElementType {
  static let floats: [ElementType] = allCases.filter(Conversion.isConvertible)
  static let eightBitFloats: [ElementType] = floats.filter { $0.bitWidth == 8 }
}

/// The float32 bits of `codes`, each `type.byteWidth` bytes, NaNs made equal.
func widen(_ codes: [UInt8], _ type: ElementType) -> [UInt32] {
  var floats = [Float](repeating: 0, count: codes.count / (type.byteWidth ?? 1))
  var span = floats.mutableSpan
  unsafe Conversion.widen(codes.span.bytes, of: type, into: &span)
  return floats.map { $0.isNaN ? 0x7FC0_0000 : $0.bitPattern }
}

/// The codes of `floats` in `type`, least byte first.
func narrow(_ floats: [Float], _ type: ElementType) -> [UInt8] {
  var codes = [UInt8](repeating: 0xA5, count: floats.count * (type.byteWidth ?? 1))
  var span = codes.mutableSpan
  var bytes = unsafe span.mutableBytes
  Conversion.narrow(floats.span, to: type, into: &bytes)
  return codes
}

/// `source` in another type, least byte first.
func convert(_ source: [UInt8], _ from: ElementType, _ to: ElementType) -> [UInt8] {
  let count = source.count / (from.byteWidth ?? 1)
  var codes = [UInt8](repeating: 0xA5, count: count * (to.byteWidth ?? 1))
  var span = codes.mutableSpan
  var bytes = unsafe span.mutableBytes
  unsafe Conversion.convert(source.span.bytes, from: from, into: &bytes, to: to)
  return codes
}

/// The bytes of integers, least byte first.
func littleEndian(_ values: [some FixedWidthInteger]) -> [UInt8] {
  values.flatMap { value in
    (0..<value.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }
}

/// The integers in `bytes`, least byte first.
func integers<Integer: FixedWidthInteger>(_ bytes: [UInt8], as: Integer.Type) -> [Integer] {
  let width = Integer.bitWidth / 8
  return stride(from: 0, to: bytes.count, by: width).map { start in
    (0..<width).reduce(0) { $0 | Integer(truncatingIfNeeded: bytes[start + $1]) << (8 * $1) }
  }
}

/// Numbers between -1 and 1, the same as in make_tables.py.
func factor(_ count: Int, seed: Int) -> [Float] {
  (0..<count).map { index in
    let start = UInt64(index) &* 2_654_435_761 &+ UInt64(seed)
    let mixed = (start ^ (start >> 15)) &* 2_246_822_519
    return Float((mixed >> 8) & 0xFF_FFFF) / 8_388_608 - 1
  }
}
