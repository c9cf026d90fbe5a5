internal import CKernels

/// Conversion between the float types, each value rounded once.
///
/// Rounding is to nearest, ties to even. NaN stays NaN. What is too large for
/// the type becomes infinite in F16, BF16, F32 and F8_E5M2, the largest value in
/// F8_E4M3, and NaN in F8_E8M0 and the FNUZ types; infinities go the same way.
/// A value too small becomes subnormal or zero, which has no sign in the FNUZ
/// types. F8_E8M0 holds only powers of two: the sign is dropped and zero becomes
/// 2^-127. All this is what torch 2.13's casts do, except that torch rounds a
/// float64 twice, by way of float32.
public enum Conversion {
  /// Whether the functions here take `type`.
  public static func isConvertible(_ type: ElementType) -> Bool {
    type.kind == .float && type.kernel != nil
  }

  /// Sets `destination[i]` to `source[i]` as float32; only F64 is rounded.
  ///
  /// `source` holds as many elements as `destination` and may have any alignment.
  public static func widen(
    _ source: RawSpan, of type: ElementType, into destination: inout MutableSpan<Float>
  ) {
    let code = floatKernel(type, elements: destination.count, bytes: source.byteCount)
    let count = destination.count
    // The kernel reads and writes `count` elements, which were just checked.
    unsafe source.withUnsafeBytes { source in
      unsafe destination.withUnsafeMutableBufferPointer { destination in
        guard count > 0 else { return }
        unsafe kernel_widen(code, source.baseAddress, destination.baseAddress, count)
      }
    }
  }

  /// Sets `destination[i]` to `source[i]` rounded to `type`.
  ///
  /// `destination` has room for exactly the elements of `source`.
  public static func narrow(
    _ source: Span<Float>, to type: ElementType, into destination: inout MutableRawSpan
  ) {
    let code = floatKernel(type, elements: source.count, bytes: destination.byteCount)
    let count = source.count
    // As in `widen`.
    unsafe source.withUnsafeBufferPointer { source in
      unsafe destination.withUnsafeMutableBytes { destination in
        guard count > 0 else { return }
        unsafe kernel_narrow(code, source.baseAddress, destination.baseAddress, count)
      }
    }
  }

  /// Sets each element of `destination` to that of `source`, rounded once.
  ///
  /// Both hold the same number of elements. Equal types are copied as they are.
  public static func convert(
    _ source: RawSpan, from: ElementType, into destination: inout MutableRawSpan, to: ElementType
  ) {
    let count = source.byteCount / (from.byteWidth ?? 1)
    let fromCode = floatKernel(from, elements: count, bytes: source.byteCount)
    let toCode = floatKernel(to, elements: count, bytes: destination.byteCount)
    // As in `widen`.
    unsafe source.withUnsafeBytes { source in
      unsafe destination.withUnsafeMutableBytes { destination in
        guard count > 0 else { return }
        unsafe kernel_convert(
          fromCode, source.baseAddress, toCode, destination.baseAddress, count)
      }
    }
  }
}

/// The kernels' code of a float type, after a check that `bytes` hold `elements`.
func floatKernel(_ type: ElementType, elements: Int, bytes: Int) -> Int32 {
  guard Conversion.isConvertible(type), let code = type.kernel else {
    preconditionFailure("\(type.name) is not a float type that can be converted")
  }
  precondition(
    type.byteCount(of: elements) == bytes, "\(bytes) bytes for \(elements) of \(type.name)")
  return code
}
