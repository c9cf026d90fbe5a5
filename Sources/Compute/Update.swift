internal import CKernels

/// The pass that adds an update to a base and rounds once.
public enum Update {
  /// Sets each element of `destination` to base + product · scale.
  ///
  /// D = product[i] · scale, rounded to float32. S = float32(base[i]) + D,
  /// rounded to float32; with an F64 base, base[i] + D rounded to float64.
  /// destination[i] = S rounded to `destinationType`. `destination` and
  /// `product` have as many elements as `base`.
  public static func apply(
    _ product: Span<Float>, scale: Float, base: RawSpan, of baseType: ElementType,
    into destination: inout MutableRawSpan, of destinationType: ElementType
  ) {
    unsafe run(product, scale, base, baseType, &destination, destinationType, nil)
  }

  /// As `apply` without statistics, and adds to `statistics` what came of it.
  public static func apply(
    _ product: Span<Float>, scale: Float, base: RawSpan, of baseType: ElementType,
    into destination: inout MutableRawSpan, of destinationType: ElementType,
    statistics: inout UpdateStatistics
  ) {
    var sums = kernel_update_sums()
    unsafe run(product, scale, base, baseType, &destination, destinationType, &sums)
    statistics.combine(UpdateStatistics(sums))
  }

  /// Adds product[i] · scale to sum[i]; product and sum are each rounded.
  ///
  /// The sum of several adapters goes to `apply` with a scale of 1.
  public static func accumulate(
    _ product: Span<Float>, scale: Float, into sum: inout MutableSpan<Float>
  ) {
    let count = sum.count
    precondition(product.count == count, "\(product.count) products for \(count) sums")
    // The kernel reads and writes `count` elements of both.
    unsafe product.withUnsafeBufferPointer { product in
      unsafe sum.withUnsafeMutableBufferPointer { sum in
        guard count > 0 else { return }
        unsafe kernel_accumulate(sum.baseAddress, product.baseAddress, scale, count)
      }
    }
  }

  private static func run(
    _ product: Span<Float>, _ scale: Float, _ base: RawSpan, _ baseType: ElementType,
    _ destination: inout MutableRawSpan, _ destinationType: ElementType,
    _ sums: UnsafeMutablePointer<kernel_update_sums>?
  ) {
    let count = product.count
    let from = floatKernel(baseType, elements: count, bytes: base.byteCount)
    let to = floatKernel(destinationType, elements: count, bytes: destination.byteCount)
    // The kernel touches `count` elements of the three, which were just checked.
    unsafe product.withUnsafeBufferPointer { product in
      unsafe base.withUnsafeBytes { base in
        unsafe destination.withUnsafeMutableBytes { destination in
          guard count > 0 else { return }
          unsafe kernel_update(
            from, base.baseAddress, product.baseAddress, scale, to, destination.baseAddress,
            count, sums)
        }
      }
    }
  }
}
