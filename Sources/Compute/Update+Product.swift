internal import CKernels

extension Update {
  /// Whether a product of this depth can be added to such a base in one pass.
  public static func isOnePass(
    depth: Int, of baseType: ElementType, to destinationType: ElementType
  ) -> Bool {
    baseType == .bf16 && destinationType == .bf16 && depth > 0
      && Product.chunkEnds(depth: depth).count == 1
  }

  /// Sets `destination` to base + (`left` · `right`) · scale, all of BF16.
  ///
  /// The bits are those of `Product.rows` followed by `apply`, but the product is never
  /// stored. The statistics are sums of each row by itself, which depend on neither the
  /// processor nor the other rows, and are added in order. `left` holds `rowCount` rows of
  /// `right.depth` values, and `scratch` has room for one row of the product.
  public static func applyProduct(
    _ left: Span<Float>, rowCount: Int, right: PackedMatrix, scale: Float, base: RawSpan,
    into destination: inout MutableRawSpan, scratch: inout MutableSpan<Float>,
    statistics: inout UpdateStatistics
  ) {
    applyProduct(
      left, rowCount: rowCount, right: right, scale: scale, base: base, into: &destination,
      scratch: &scratch, statistics: &statistics, using: .best)
  }

  static func applyProduct(
    _ left: Span<Float>, rowCount: Int, right: PackedMatrix, scale: Float, base: RawSpan,
    into destination: inout MutableRawSpan, scratch: inout MutableSpan<Float>,
    statistics: inout UpdateStatistics, using instructions: Product.Instructions
  ) {
    let (depth, columns) = (right.depth, right.columns)
    let byteCount = rowCount * columns * 2
    precondition(
      isOnePass(depth: depth, of: .bf16, to: .bf16), "a sum of \(depth) products is cut")
    precondition(
      rowCount >= 0 && left.count == rowCount * depth,
      "\(left.count) values on the left for \(rowCount) rows of \(depth)")
    precondition(
      base.byteCount == byteCount && destination.byteCount == byteCount,
      "\(base.byteCount) and \(destination.byteCount) bytes for \(rowCount) rows of \(columns)")
    precondition(
      scratch.count >= columns, "\(scratch.count) values of room for a row of \(columns)")
    guard rowCount > 0, columns > 0 else { return }
    var sums = kernel_update_sums()
    let panels = right.panels.span
    // The kernel touches what the preconditions and the initialiser of `right` have counted.
    unsafe left.withUnsafeBufferPointer { left in
      unsafe panels.withUnsafeBufferPointer { panels in
        unsafe base.withUnsafeBytes { base in
          unsafe destination.withUnsafeMutableBytes { destination in
            unsafe scratch.withUnsafeMutableBufferPointer { scratch in
              unsafe kernel_fused_update(
                instructions.rawValue, left.baseAddress, rowCount, panels.baseAddress, depth,
                columns, scale, base.baseAddress, destination.baseAddress, scratch.baseAddress,
                &sums)
            }
          }
        }
      }
    }
    statistics.combine(UpdateStatistics(sums))
  }
}
