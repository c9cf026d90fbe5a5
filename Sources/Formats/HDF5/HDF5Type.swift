import Compute

/// The type of a dataset's elements in the terms of HDF5.
indirect enum HDF5Type: Sendable, Hashable {
  case integer(byteCount: Int, isSigned: Bool, isBigEndian: Bool = false)
  case float(HDF5Float, isBigEndian: Bool = false)
  case opaque(byteCount: Int)
  case enumeration(HDF5Type, members: [Member])
  case compound(byteCount: Int, members: [Member], types: [HDF5Type])
  case string(byteCount: Int, isVariable: Bool)
  /// A type that cannot be a tensor's, by the name of its class.
  case other(String, byteCount: Int, isNumeric: Bool)

  /// A member's name with its value in an enumeration, or its offset in a compound.
  struct Member: Sendable, Hashable {
    var name: String
    var number: Int
  }

  var byteCount: Int {
    switch self {
    case .integer(let byteCount, _, _), .opaque(let byteCount), .compound(let byteCount, _, _),
      .string(let byteCount, _), .other(_, let byteCount, _):
      byteCount
    case .float(let float, _): float.byteCount
    case .enumeration(let base, _): base.byteCount
    }
  }

  /// Whether the bytes of its numbers come with the highest first; nil where those of a
  /// compound do not agree.
  var isBigEndian: Bool? {
    switch self {
    case .integer(_, _, let isBigEndian), .float(_, let isBigEndian): return isBigEndian
    case .enumeration(let base, _): return base.isBigEndian
    case .compound(_, _, let types):
      let orders = Set(types.map(\.isBigEndian))
      return orders.count == 1 ? orders.first ?? nil : nil
    case .opaque, .string, .other: return false
    }
  }

  /// Whether the elements are made of numbers alone.
  var isNumeric: Bool {
    switch self {
    case .integer, .float: true
    case .enumeration(let base, _): base.isNumeric
    case .compound(_, _, let types): !types.isEmpty && types.allSatisfy(\.isNumeric)
    case .other(_, _, let isNumeric): isNumeric
    case .opaque, .string: false
    }
  }

  /// The same type with the lowest byte first.
  var littleEndian: HDF5Type {
    switch self {
    case .integer(let byteCount, let isSigned, _):
      .integer(byteCount: byteCount, isSigned: isSigned)
    case .float(let float, _): .float(float)
    case .enumeration(let base, let members): .enumeration(base.littleEndian, members: members)
    case .compound(let byteCount, let members, let types):
      .compound(byteCount: byteCount, members: members, types: types.map(\.littleEndian))
    case .opaque, .string, .other: self
    }
  }
}

/// The fields of a float: all bits of it are used, the sign is the highest, the mantissa
/// the lowest, and its first bit is implied.
struct HDF5Float: Sendable, Hashable {
  var byteCount: Int
  var exponentWidth: Int
  var mantissaWidth: Int
  var bias: Int

  static let half = HDF5Float(byteCount: 2, exponentWidth: 5, mantissaWidth: 10, bias: 15)
  static let brain = HDF5Float(byteCount: 2, exponentWidth: 8, mantissaWidth: 7, bias: 127)
  static let single = HDF5Float(byteCount: 4, exponentWidth: 8, mantissaWidth: 23, bias: 127)
  static let double = HDF5Float(byteCount: 8, exponentWidth: 11, mantissaWidth: 52, bias: 1023)
}

extension HDF5Float: CustomStringConvertible {
  /// The name of a type that no standard has: nobody may take it for one that has.
  var description: String {
    "float(\(byteCount) \(byteCount == 1 ? "byte" : "bytes"), \(exponentWidth) exponent bits, "
      + "bias \(bias))"
  }
}

extension HDF5Type {
  /// The compound of a real and an imaginary part, as h5py writes it.
  static func complex(_ part: HDF5Float) -> HDF5Type {
    .compound(
      byteCount: 2 * part.byteCount,
      members: [Member(name: "r", number: 0), Member(name: "i", number: part.byteCount)],
      types: [.float(part), .float(part)])
  }

  /// The enumeration that h5py writes for truth values.
  static let truth = enumeration(
    .integer(byteCount: 1, isSigned: true),
    members: [Member(name: "FALSE", number: 0), Member(name: "TRUE", number: 1)])
}
