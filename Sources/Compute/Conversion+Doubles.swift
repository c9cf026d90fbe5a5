extension Conversion {
  /// The float64 values of elements of `type`.
  public static func doubles(_ bytes: RawSpan, of type: ElementType) -> [Double] {
    var values = [Double](repeating: 0, count: bytes.byteCount / (type.byteWidth ?? 1))
    var span = values.mutableSpan
    // Every pattern of bits is a Double.
    var raw = unsafe span.mutableBytes
    convert(bytes, from: type, into: &raw, to: .f64)
    return values
  }

  /// The float64 values of elements of `type`.
  public static func doubles(_ bytes: [UInt8], of type: ElementType) -> [Double] {
    // The elements are read as the bytes that they are.
    unsafe doubles(bytes.span.bytes, of: type)
  }

  /// The bytes of float64 values as elements of `type`.
  public static func bytes(of values: [Double], as type: ElementType) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: values.count * (type.byteWidth ?? 0))
    var span = bytes.mutableSpan
    // Every pattern of bits is a UInt8.
    var raw = unsafe span.mutableBytes
    // The values are read as the bytes that they are.
    unsafe convert(values.span.bytes, from: .f64, into: &raw, to: type)
    return bytes
  }
}
