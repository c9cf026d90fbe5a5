import Compute

/// How a tensor type is held in HDF5: one row for each.
struct HDF5TypeRow: Sendable {
  let type: TensorType
  let stored: HDF5Type
  /// The value of the attribute `dtype` that tells what the bytes are, for a type that
  /// HDF5 has no class for; the names are those of NumPy's extension types.
  let dtype: String?

  private init(_ type: ElementType, _ stored: HDF5Type, dtype: String? = nil) {
    self.type = .element(type)
    self.stored = stored
    self.dtype = dtype
  }

  private init(foreign name: String, _ stored: HDF5Type) {
    type = .foreign(name: name, bitWidth: 8 * stored.byteCount)
    self.stored = stored
    dtype = nil
  }

  private static let byte = HDF5Type.integer(byteCount: 1, isSigned: false)

  static let table: [HDF5TypeRow] = [
    HDF5TypeRow(.bool, .truth),
    HDF5TypeRow(.f4, byte, dtype: "float4_e2m1fn"),
    HDF5TypeRow(.f6e2m3, byte, dtype: "float6_e2m3fn"),
    HDF5TypeRow(.f6e3m2, byte, dtype: "float6_e3m2fn"),
    HDF5TypeRow(.u8, byte),
    HDF5TypeRow(.i8, .integer(byteCount: 1, isSigned: true)),
    HDF5TypeRow(.f8e5m2, byte, dtype: "float8_e5m2"),
    HDF5TypeRow(.f8e4m3, byte, dtype: "float8_e4m3fn"),
    HDF5TypeRow(.f8e8m0, byte, dtype: "float8_e8m0fnu"),
    HDF5TypeRow(.f8e4m3fnuz, byte, dtype: "float8_e4m3fnuz"),
    HDF5TypeRow(.f8e5m2fnuz, byte, dtype: "float8_e5m2fnuz"),
    HDF5TypeRow(.i16, .integer(byteCount: 2, isSigned: true)),
    HDF5TypeRow(.u16, .integer(byteCount: 2, isSigned: false)),
    HDF5TypeRow(.f16, .float(.half)),
    HDF5TypeRow(.bf16, .float(.brain), dtype: "bfloat16"),
    HDF5TypeRow(.i32, .integer(byteCount: 4, isSigned: true)),
    HDF5TypeRow(.u32, .integer(byteCount: 4, isSigned: false)),
    HDF5TypeRow(.f32, .float(.single)),
    HDF5TypeRow(.c64, .complex(.single)),
    HDF5TypeRow(.f64, .float(.double)),
    HDF5TypeRow(.i64, .integer(byteCount: 8, isSigned: true)),
    HDF5TypeRow(.u64, .integer(byteCount: 8, isSigned: false)),
    HDF5TypeRow(foreign: "complex32", .complex(.half)),
    HDF5TypeRow(foreign: "complex128", .complex(.double)),
  ]

  /// The row of a type that is written, or nil.
  static func writing(_ type: TensorType) -> HDF5TypeRow? { table.first { $0.type == type } }

  /// Types that others write for the same elements: by their fields, or as truth values
  /// of another base.
  private static let others: [(stored: HDF5Type, type: ElementType)] = [
    (.float(HDF5Float(byteCount: 1, exponentWidth: 5, mantissaWidth: 2, bias: 15)), .f8e5m2),
    (.float(HDF5Float(byteCount: 1, exponentWidth: 4, mantissaWidth: 3, bias: 7)), .f8e4m3),
    (.float(HDF5Float(byteCount: 1, exponentWidth: 4, mantissaWidth: 3, bias: 8)), .f8e4m3fnuz),
    (.float(HDF5Float(byteCount: 1, exponentWidth: 5, mantissaWidth: 2, bias: 16)), .f8e5m2fnuz),
    (
      .enumeration(
        byte,
        members: [
          HDF5Type.Member(name: "FALSE", number: 0), HDF5Type.Member(name: "TRUE", number: 1),
        ]), .bool
    ),
  ]

  /// What the elements of a dataset are: what an attribute `dtype` says of them, where
  /// it fits, else what HDF5's own type says; opaque elements are what is assumed of those
  /// of their width.
  static func reading(_ stored: HDF5Type, dtype: String?, assuming assumed: [ElementType] = [])
    -> TensorType?
  {
    let plain = stored.littleEndian
    guard stored.isBigEndian != nil else { return nil }
    if let row = row(named: dtype), row.fits(stored) { return row.type }
    if case .opaque(let byteCount) = plain, let bits = bitWidth(ofBytes: byteCount) {
      if let type = assumed.first(where: { $0.bitWidth == bits }) { return .element(type) }
      return .foreign(name: "\(TensorType.opaquePrefix)\(bits)", bitWidth: bits)
    }
    // Where an attribute has to tell, bytes alone are just bytes.
    let isNamed = { (row: HDF5TypeRow) in row.stored == byte && row.dtype != nil }
    return table.first { $0.stored == plain && !isNamed($0) }?.type
      ?? others.first { $0.stored == plain }.map { .element($0.type) }
      ?? listed(plain)
  }

  /// The widest opaque type that can be a number's.
  private static func bitWidth(ofBytes count: Int) -> Int? { 1...16 ~= count ? 8 * count : nil }

  /// A number of a width that no row has: told, but not converted.
  private static func listed(_ type: HDF5Type) -> TensorType? {
    switch type {
    case .float(let float, _):
      .foreign(name: float.description, bitWidth: 8 * float.byteCount)
    case .enumeration(let base, _): reading(base, dtype: nil)
    default: nil
    }
  }

  /// What libraries put before the name of one of their types.
  private static let libraries = ["torch.", "numpy.", "np.", "ml_dtypes.", "tf.", "jnp."]

  /// The row of the type that an attribute of this value means: by the name that is
  /// written here, by NumPy's and torch's name, or by that of safetensors.
  private static func row(named text: String?) -> HDF5TypeRow? {
    guard let text else { return nil }
    let library = libraries.first(where: text.hasPrefix) ?? ""
    let name = String(text.dropFirst(library.count))
    let type = TorchType.byName[name]?.type
    return table.first { $0.dtype == name || $0.type == type || $0.type.name == text }
  }

  /// The attributes that tell what the elements of a dataset are.
  static func heeded(_ stored: HDF5Type, dtype: String?) -> Set<String> {
    guard let row = row(named: dtype), row.fits(stored) else { return [] }
    return row.type.bitWidth < 8 ? ["dtype", "shape"] : ["dtype"]
  }

  /// What the bytes are of which numbers consist that no tensor can have; nil for what is
  /// none.
  static func unsupported(_ stored: HDF5Type) -> TensorType? {
    // An element of any size would be memory that is only claimed.
    guard stored.isNumeric, 1...(1 << 20) ~= stored.byteCount else { return nil }
    return .foreign(name: HDF5Findings.description(stored), bitWidth: 8)
  }

  /// Whether bytes that are stored like this can be of the row's type: as the row says,
  /// or as opaque or unsigned elements of the same width.
  private func fits(_ type: HDF5Type) -> Bool {
    switch (type, stored) {
    // Swapped as one number, and not as the two that they would be.
    case (.integer(_, _, true), .compound): false
    case (.integer(stored.byteCount, false, _), _), (.opaque(stored.byteCount), _): true
    default: type.littleEndian == stored
    }
  }
}

extension TensorType {
  /// What the names of types begin with that a file keeps to itself.
  fileprivate static let opaquePrefix = "opaque"

  /// What to type where a file does not tell what its elements are; nil for all other
  /// types.
  public var assumption: String? {
    guard case .foreign(let name, let bitWidth) = self, name == "\(Self.opaquePrefix)\(bitWidth)"
    else { return nil }
    return "say what it is with --assume, which takes a type of \(bitWidth) bits"
  }
}
