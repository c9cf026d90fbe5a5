internal import CKernels

/// Steps of an update that are more than a sum, on float32 values.
///
/// Each element's operations, and the order in which sums run, depend on neither
/// the processor nor the way in which rows are cut into blocks.
public enum Values {
  /// Multiplies each value by `factor`, rounded once.
  public static func scale(_ values: inout MutableSpan<Float>, by factor: Float) {
    let count = values.count
    unsafe values.withUnsafeMutableBufferPointer { values in
      guard count > 0 else { return }
      unsafe kernel_scale(values.baseAddress, factor, count)
    }
  }

  /// Multiplies each value by the factor at its place, rounded once.
  public static func multiply(_ values: inout MutableSpan<Float>, by factors: Span<Float>) {
    let count = values.count
    precondition(factors.count == count, "\(factors.count) factors for \(count) values")
    unsafe values.withUnsafeMutableBufferPointer { values in
      unsafe factors.withUnsafeBufferPointer { factors in
        guard count > 0 else { return }
        unsafe kernel_multiply(values.baseAddress, factors.baseAddress, count)
      }
    }
  }

  /// The sum of the squares, in float64.
  public static func squares(_ values: Span<Float>) -> Double {
    unsafe values.withUnsafeBufferPointer { values in
      values.isEmpty ? 0 : unsafe kernel_squares(values.baseAddress, values.count)
    }
  }

  /// Adds to each sum the square of the value at its place, in float64.
  public static func addSquares(of values: Span<Float>, to sums: inout MutableSpan<Double>) {
    let count = values.count
    precondition(sums.count == count, "\(sums.count) sums for \(count) values")
    unsafe values.withUnsafeBufferPointer { values in
      unsafe sums.withUnsafeMutableBufferPointer { sums in
        guard count > 0 else { return }
        unsafe kernel_add_squares(values.baseAddress, sums.baseAddress, count)
      }
    }
  }

  /// What became of a base of float32: the update is the difference between `values` and
  /// `base`, and `result` what rounding left of the values.
  public static func statistics(of values: Span<Float>, base: RawSpan, result: Span<Float>)
    -> UpdateStatistics
  {
    let count = values.count
    _ = floatKernel(.f32, elements: count, bytes: base.byteCount)
    precondition(result.count == count, "\(result.count) results for \(count) values")
    var sums = kernel_update_sums()
    // The kernel reads `count` elements of the three, which were just checked.
    unsafe values.withUnsafeBufferPointer { values in
      unsafe base.withUnsafeBytes { base in
        unsafe result.withUnsafeBufferPointer { result in
          guard count > 0 else { return }
          unsafe kernel_update_statistics(
            values.baseAddress, base.baseAddress, result.baseAddress, count, &sums)
        }
      }
    }
    return UpdateStatistics(sums)
  }

  /// Rounds finished values to `destinationType` and tells what became of the base,
  /// which is not F64: the update is the difference.
  public static func settle(
    _ values: Span<Float>, base: RawSpan, of baseType: ElementType,
    into destination: inout MutableRawSpan, of destinationType: ElementType
  ) -> UpdateStatistics {
    let count = values.count
    let from = floatKernel(baseType, elements: count, bytes: base.byteCount)
    let to = floatKernel(destinationType, elements: count, bytes: destination.byteCount)
    precondition(baseType != .f64, "values of an F64 base do not fit into float32")
    var sums = kernel_update_sums()
    // The kernel touches `count` elements of the three, which were just checked.
    unsafe values.withUnsafeBufferPointer { values in
      unsafe base.withUnsafeBytes { base in
        unsafe destination.withUnsafeMutableBytes { destination in
          guard count > 0 else { return }
          unsafe kernel_settle(
            values.baseAddress, from, base.baseAddress, to, destination.baseAddress, count, &sums)
        }
      }
    }
    return UpdateStatistics(sums)
  }
}
