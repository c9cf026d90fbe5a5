import Compute

/// A dtype of torch: what it is called, which storage class holds it, and what
/// it is here.
struct TorchType: Sendable, Hashable {
  /// The name without `torch.`.
  var name: String
  var type: TensorType
  /// The name of the class of typed storages without `Storage`, if there is one.
  var storage: String?
  /// The width of one element in a storage, in bits.
  var bitWidth: Int

  private init(_ name: String, _ type: ElementType, storage: String? = nil) {
    self.name = name
    self.type = .element(type)
    self.storage = storage
    bitWidth = type.bitWidth
  }

  private init(_ name: String, bits: Int, storage: String? = nil) {
    self.name = name
    type = .foreign(name: name, bitWidth: bits)
    self.storage = storage
    bitWidth = bits
  }

  /// The bytes that `count` elements take in a storage, or nil where that does
  /// not fit into an `Int`.
  func byteCount(of count: Int) -> Int? {
    if bitWidth % 8 == 0 {
      let (bytes, overflow) = count.multipliedReportingOverflow(by: bitWidth / 8)
      return overflow ? nil : bytes
    }
    // Below a byte there is no overflow to fear in the quotient.
    let perByte = 8 / bitWidth
    return count / perByte + (count % perByte == 0 ? 0 : 1)
  }

  static let byte = TorchType("uint8", .u8, storage: "Byte")

  /// The packed pairs of 4-bit floats, which count as one element in torch and
  /// as two here.
  static let pairedFloat4 = TorchType("float4_e2m1fn_x2", bits: 8)

  static let byName = Dictionary(uniqueKeysWithValues: table.map { ($0.name, $0) })

  static let byStorage = Dictionary(
    uniqueKeysWithValues: table.compactMap { row in row.storage.map { ($0, row) } })

  private static let table: [TorchType] =
    [
      .init("float64", .f64, storage: "Double"),
      .init("float32", .f32, storage: "Float"),
      .init("float16", .f16, storage: "Half"),
      .init("bfloat16", .bf16, storage: "BFloat16"),
      .init("int64", .i64, storage: "Long"),
      .init("int32", .i32, storage: "Int"),
      .init("int16", .i16, storage: "Short"),
      .init("int8", .i8, storage: "Char"),
      byte,
      .init("bool", .bool, storage: "Bool"),
      .init("complex64", .c64, storage: "ComplexFloat"),
      .init("complex128", bits: 128, storage: "ComplexDouble"),
      .init("complex32", bits: 32),
      .init("uint16", .u16),
      .init("uint32", .u32),
      .init("uint64", .u64),
      .init("float8_e4m3fn", .f8e4m3),
      .init("float8_e5m2", .f8e5m2),
      .init("float8_e4m3fnuz", .f8e4m3fnuz),
      .init("float8_e5m2fnuz", .f8e5m2fnuz),
      .init("float8_e8m0fnu", .f8e8m0),
      pairedFloat4,
      .init("qint8", bits: 8, storage: "QInt8"),
      .init("quint8", bits: 8, storage: "QUInt8"),
      .init("qint32", bits: 32, storage: "QInt32"),
      .init("quint4x2", bits: 4, storage: "QUInt4x2"),
      .init("quint2x4", bits: 2, storage: "QUInt2x4"),
      .init("bits8", bits: 8),
      .init("bits16", bits: 16),
      .init("bits1x8", bits: 8),
      .init("bits2x4", bits: 8),
      .init("bits4x2", bits: 8),
    ]
    // Placeholders: torch gives each element of these a whole byte.
    + (1...7).flatMap { [.init("int\($0)", bits: 8), .init("uint\($0)", bits: 8)] }
}
