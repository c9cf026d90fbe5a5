import Compute
import Formats

/// The scalar tensor in which kohya's scripts and LyCORIS keep a module's alpha.
enum AlphaScalar {
  /// Its value: a finite number of 0 or more, which diffusers and LyCORIS' DyLoRA write
  /// as an integer. Errors name neither file nor tensor.
  static func value(of record: TensorRecord) throws(CheckpointError) -> Double {
    guard record.elementCount == 1, let type = record.type.element, type.byteWidth != nil else {
      throw CheckpointError("is \(record.type.name) \(record.shape); expected one number")
    }
    let value = try number(try TensorData.bytes(of: record, limit: 64), type)
    guard value.isFinite, value >= 0 else {
      throw CheckpointError("holds \(value); expected a finite number of 0 or more")
    }
    return value
  }

  /// The number in the bytes of one element, little-endian.
  private static func number(_ bytes: [UInt8], _ type: ElementType) throws(CheckpointError)
    -> Double
  {
    let bits = bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    switch type {
    case .f64: return Double(bitPattern: bits)
    case .f32: return Double(Float(bitPattern: UInt32(truncatingIfNeeded: bits)))
    case .bf16: return Double(Float(bitPattern: UInt32(truncatingIfNeeded: bits) << 16))
    case .f16: return Double(Float16(bitPattern: UInt16(truncatingIfNeeded: bits)))
    case .u8, .u16, .u32, .u64: return Double(bits)
    case .i8: return Double(Int8(truncatingIfNeeded: bits))
    case .i16: return Double(Int16(truncatingIfNeeded: bits))
    case .i32: return Double(Int32(truncatingIfNeeded: bits))
    case .i64: return Double(Int64(bitPattern: bits))
    default: throw CheckpointError("is \(type.name); expected an integer, F16, BF16, F32 or F64")
    }
  }
}
