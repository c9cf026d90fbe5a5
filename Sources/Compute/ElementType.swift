/// The type of one element of a tensor: one of the 22 types of safetensors.
///
/// The cases stand in the order of the safetensors enumeration, which its
/// writer also sorts by (ascending alignment). Everything that is known of a
/// type is one row of `ElementType.table`; other formats keep tables keyed by it.
public enum ElementType: UInt8, Sendable, Hashable, CaseIterable, Comparable {
  case bool, f4, f6e2m3, f6e3m2, u8, i8
  case f8e5m2, f8e4m3, f8e8m0, f8e4m3fnuz, f8e5m2fnuz
  case i16, u16, f16, bf16
  case i32, u32, f32
  case c64, f64, i64, u64

  /// What the bits of an element stand for.
  public enum Kind: Sendable, Hashable {
    case boolean, signedInteger, unsignedInteger, float, complex
  }

  /// The name in safetensors, which is also the name in everything Tenon prints.
  public var name: String { Self.table[Int(rawValue)].name }

  /// The width of one element in bits; 4 and 6 for the sub-byte types.
  public var bitWidth: Int { Self.table[Int(rawValue)].bitWidth }

  /// What the bits of an element stand for.
  public var kind: Kind { Self.table[Int(rawValue)].kind }

  /// The width of one element in bytes, or nil for a sub-byte type.
  public var byteWidth: Int? { bitWidth % 8 == 0 ? bitWidth / 8 : nil }

  /// The bytes that `count` elements take, or nil where that is no whole number
  /// of bytes or does not fit into an `Int`.
  public func byteCount(of count: Int) -> Int? {
    let (bits, overflow) = count.multipliedReportingOverflow(by: bitWidth)
    guard !overflow else {
      // Only reachable for sizes that no file has, but a header can claim them.
      guard let width = byteWidth else { return nil }
      let (bytes, overflow) = count.multipliedReportingOverflow(by: width)
      return overflow ? nil : bytes
    }
    return bits % 8 == 0 ? bits / 8 : nil
  }

  /// The type with this safetensors name, or nil.
  public init?(name: String) {
    guard let type = Self.byName[name] else { return nil }
    self = type
  }

  private static let byName = Dictionary(
    uniqueKeysWithValues: allCases.map { ($0.name, $0) })

  public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }

  private static let table: [(name: String, bitWidth: Int, kind: Kind)] = [
    ("BOOL", 8, .boolean),
    ("F4", 4, .float),
    ("F6_E2M3", 6, .float),
    ("F6_E3M2", 6, .float),
    ("U8", 8, .unsignedInteger),
    ("I8", 8, .signedInteger),
    ("F8_E5M2", 8, .float),
    ("F8_E4M3", 8, .float),
    ("F8_E8M0", 8, .float),
    ("F8_E4M3FNUZ", 8, .float),
    ("F8_E5M2FNUZ", 8, .float),
    ("I16", 16, .signedInteger),
    ("U16", 16, .unsignedInteger),
    ("F16", 16, .float),
    ("BF16", 16, .float),
    ("I32", 32, .signedInteger),
    ("U32", 32, .unsignedInteger),
    ("F32", 32, .float),
    ("C64", 64, .complex),
    ("F64", 64, .float),
    ("I64", 64, .signedInteger),
    ("U64", 64, .unsignedInteger),
  ]
}
