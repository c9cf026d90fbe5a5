internal import CKernels

extension ElementType {
  /// What the kernels call this type, or nil for one they do not know.
  var kernel: Int32? {
    guard let code = Self.kernels[self] else { return nil }
    return Int32(bitPattern: code.rawValue)
  }

  private static let kernels: [ElementType: kernel_type] = [
    .f8e5m2: kernel_f8_e5m2,
    .f8e4m3: kernel_f8_e4m3,
    .f8e8m0: kernel_f8_e8m0,
    .f8e4m3fnuz: kernel_f8_e4m3fnuz,
    .f8e5m2fnuz: kernel_f8_e5m2fnuz,
    .f16: kernel_f16,
    .bf16: kernel_bf16,
    .f32: kernel_f32,
    .f64: kernel_f64,
    .bool: kernel_bool,
    .u8: kernel_u8,
    .i8: kernel_i8,
    .u16: kernel_u16,
    .i16: kernel_i16,
    .u32: kernel_u32,
    .i32: kernel_i32,
    .u64: kernel_u64,
    .i64: kernel_i64,
  ]
}
