/// Decodes how the helper describes a type.
enum HDF5TypeDecoding {
  /// The classes of HDF5, by number.
  private static let classNames = [
    "integer", "float", "time", "string", "bit field", "opaque", "compound", "reference",
    "enumeration", "variable-length", "array",
  ]

  /// Those of time and of bit fields, which no tensor can have.
  private static let numericClasses: Set = [2, 4]

  static func type(_ record: inout ByteCursor, depth: Int) throws(CheckpointError) -> HDF5Type {
    let number = Int(try record.byte("a class"))
    let byteCount = try record.size("the size of a type")
    let order = try record.byte("a byte order")
    let isBigEndian = order == 1
    switch number {
    case 0: return try integer(&record, byteCount, isBigEndian)
    case 1: return try float(&record, byteCount, isBigEndian)
    case 3:
      return .string(byteCount: byteCount, isVariable: try record.byte("a kind of string") != 0)
    case 5:
      _ = try record.text("a tag")
      return .opaque(byteCount: byteCount)
    case 6: return try compound(&record, byteCount, depth)
    case 8: return try enumeration(&record, depth)
    case 10:
      let element = try HDF5Answer.type(&record, depth: depth + 1)
      return .other("array", byteCount: byteCount, isNumeric: element.isNumeric)
    default:
      return .other(
        className(number), byteCount: byteCount, isNumeric: numericClasses.contains(number))
    }
  }

  static func className(_ number: Int) -> String {
    classNames.indices.contains(number) ? classNames[number] : "class \(number)"
  }

  /// Every bit of an integer has to count.
  private static func integer(_ record: inout ByteCursor, _ byteCount: Int, _ isBigEndian: Bool)
    throws(CheckpointError) -> HDF5Type
  {
    let isSigned = try record.byte("a sign") != 0
    let precision = try record.uint32("a precision")
    let offset = try record.uint32("a bit offset")
    guard 1...8 ~= byteCount, precision == 8 * byteCount, offset == 0 else {
      return .other(
        "integer of \(precision) bits in \(byteCount) bytes", byteCount: byteCount,
        isNumeric: true)
    }
    return .integer(
      byteCount: byteCount, isSigned: isSigned, isBigEndian: isBigEndian && byteCount > 1)
  }

  private static func float(_ record: inout ByteCursor, _ byteCount: Int, _ isBigEndian: Bool)
    throws(CheckpointError) -> HDF5Type
  {
    var fields: [Int] = []
    for _ in 0..<7 { fields.append(Int(try record.uint32("a field of a float"))) }
    let bias = try record.uint64("a bias")
    let normalization = try record.byte("a normalization")
    let (precision, exponent, mantissa) = (fields[0], fields[4], fields[6])
    // Offset, sign, exponent and mantissa where they always are, the first bit implied.
    let expected = [precision, 0, precision - 1, mantissa, exponent, 0, mantissa]
    guard 1...16 ~= byteCount, precision == 8 * byteCount, fields == expected,
      1 + exponent + mantissa == precision, normalization == 0, let bias = Int(exactly: bias)
    else {
      return .other(
        "float of \(precision) bits in \(byteCount) bytes", byteCount: byteCount, isNumeric: true)
    }
    return .float(
      HDF5Float(
        byteCount: byteCount, exponentWidth: exponent, mantissaWidth: mantissa, bias: bias),
      isBigEndian: isBigEndian && byteCount > 1)
  }

  private static func compound(_ record: inout ByteCursor, _ byteCount: Int, _ depth: Int)
    throws(CheckpointError) -> HDF5Type
  {
    var members: [HDF5Type.Member] = []
    var types: [HDF5Type] = []
    for _ in 0..<(try record.uint32("the number of members")) {
      let name = try record.text("the name of a member")
      let offset = Int(try record.uint32("the offset of a member"))
      members.append(HDF5Type.Member(name: name, number: offset))
      types.append(try HDF5Answer.type(&record, depth: depth + 1))
    }
    return .compound(byteCount: byteCount, members: members, types: types)
  }

  private static func enumeration(_ record: inout ByteCursor, _ depth: Int)
    throws(CheckpointError) -> HDF5Type
  {
    let base = try HDF5Answer.type(&record, depth: depth + 1)
    var members: [HDF5Type.Member] = []
    for _ in 0..<(try record.uint32("the number of members")) {
      let name = try record.text("the name of a member")
      let value = Int(truncatingIfNeeded: try record.uint64("the value of a member"))
      members.append(HDF5Type.Member(name: name, number: value))
    }
    // In whichever order they were added.
    return .enumeration(base, members: members.sorted { $0.number < $1.number })
  }
}

extension ByteCursor {
  /// A number of 64 bits that fits.
  mutating func count(_ what: String) throws(CheckpointError) -> Int {
    try HDF5Answer.exact(try uint64(what), what)
  }

  /// What a file states as a size; one that does not fit is more than anything has.
  mutating func size(_ what: String) throws(CheckpointError) -> Int {
    Int(clamping: try uint64(what))
  }

  /// So many bytes as the 32 bits before them say.
  mutating func blob(_ what: String) throws(CheckpointError) -> ArraySlice<UInt8> {
    try take(Int(try uint32(what)), what)
  }

  /// Names in HDF5 are bytes; those that are no UTF-8 are repaired to be shown.
  mutating func text(_ what: String) throws(CheckpointError) -> String {
    String(decoding: try blob(what), as: UTF8.self)
  }

  /// So many sizes of 64 bits.
  mutating func sizes(_ rank: Int) throws(CheckpointError) -> [Int] {
    guard rank <= HDF5Answer.maximumRank else { throw CheckpointError("it has \(rank) axes") }
    var sizes: [Int] = []
    for _ in 0..<rank { sizes.append(try size("a size")) }
    return sizes
  }
}
