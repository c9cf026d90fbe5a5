internal import CKernels

/// How many values a conversion could not keep.
public struct ConversionLosses: Sendable, Hashable {
  /// Finite values that are too large for the type: they became infinite, NaN or
  /// the largest value, as `Conversion` says of each type.
  public var overflow: Int
  /// Values other than zero that became zero.
  public var underflow: Int
  /// All values that became another, those that over- or underflowed included.
  /// NaN stays NaN and counts as unchanged.
  public var changed: Int

  public init(overflow: Int = 0, underflow: Int = 0, changed: Int = 0) {
    self.overflow = overflow
    self.underflow = underflow
    self.changed = changed
  }

  /// Adds the counts of other values.
  public mutating func combine(_ other: Self) {
    overflow += other.overflow
    underflow += other.underflow
    changed += other.changed
  }
}

extension Conversion {
  /// As `convert` without losses, and adds to `losses` what the type could not
  /// hold.
  public static func convert(
    _ source: RawSpan, from: ElementType, into destination: inout MutableRawSpan, to: ElementType,
    losses: inout ConversionLosses
  ) {
    let count = source.byteCount / (from.byteWidth ?? 1)
    let fromCode = floatKernel(from, elements: count, bytes: source.byteCount)
    let toCode = floatKernel(to, elements: count, bytes: destination.byteCount)
    var counts = kernel_losses()
    // The kernel reads and writes `count` elements, which were just checked.
    unsafe source.withUnsafeBytes { source in
      unsafe destination.withUnsafeMutableBytes { destination in
        guard count > 0 else { return }
        unsafe kernel_convert_counting(
          fromCode, source.baseAddress, toCode, destination.baseAddress, count, &counts)
      }
    }
    losses.combine(
      ConversionLosses(
        overflow: Int(counts.overflow), underflow: Int(counts.underflow),
        changed: Int(counts.changed)))
  }
}
