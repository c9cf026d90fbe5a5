internal import CKernels

/// The product of two float32 matrices with a fixed order of operations.
///
/// Each element is `acc = 0; acc = fma(left[i, k], right[k, j], acc)` for k
/// ascending, rounded at each step. Beyond a depth of 384 the sum is cut into
/// chunks, each such a chain, which are added in order. Neither the processor
/// nor the way rows are cut into blocks changes a bit.
///
/// It is, bit for bit, what torch computes on a processor with AVX-512, but for
/// a product of one row or one column, and beyond a depth of 768 for small
/// matrices, where torch goes other ways.
public enum Product {
  /// Sets `destination` (rows x `right.columns`) to `left` · `right`.
  ///
  /// `left` holds `rowCount` rows of `right.depth` values.
  public static func rows(
    _ left: Span<Float>, rowCount: Int, right: PackedMatrix,
    into destination: inout MutableSpan<Float>
  ) {
    rows(left, rowCount: rowCount, right: right, into: &destination, using: .best)
  }

  static func rows(
    _ left: Span<Float>, rowCount: Int, right: PackedMatrix,
    into destination: inout MutableSpan<Float>, using instructions: Instructions
  ) {
    let (depth, columns) = (right.depth, right.columns)
    precondition(
      rowCount >= 0 && left.count == rowCount * depth,
      "\(left.count) values on the left for \(rowCount) rows of \(depth)")
    precondition(
      destination.count == rowCount * columns,
      "\(destination.count) values of room for \(rowCount) rows of \(columns)")
    guard depth > 0 else {
      for index in destination.indices { destination[index] = 0 }
      return
    }
    let level = instructions.rawValue
    let panels = right.panels.span
    // The kernel reads and writes what the two preconditions and the
    // initialiser of `right` have counted.
    unsafe left.withUnsafeBufferPointer { left in
      unsafe panels.withUnsafeBufferPointer { panels in
        unsafe destination.withUnsafeMutableBufferPointer { destination in
          guard rowCount > 0, columns > 0 else { return }
          var start = 0
          for end in chunkEnds(depth: depth) {
            unsafe kernel_product(
              level, left.baseAddress, rowCount, panels.baseAddress, depth, columns, start, end,
              start > 0 ? 1 : 0, destination.baseAddress)
            start = end
          }
        }
      }
    }
  }

  /// Where the chunks of a sum of `depth` products end.
  ///
  /// The cuts are those of the BLAS library that torch uses.
  static func chunkEnds(depth: Int) -> [Int] {
    if depth <= longestChunk { return [depth] }
    if depth <= 2 * longestChunk { return [(depth + 1) / 2, depth] }
    return Array(stride(from: longestChunk, to: depth, by: longestChunk)) + [depth]
  }

  private static let longestChunk = 384

  /// The instructions to use; all give the same bits.
  enum Instructions: Int32, CaseIterable, Comparable {
    case portable, avx2, avx512

    /// The best that this processor has.
    static let best = Self(rawValue: kernel_best_level()) ?? .portable

    static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
  }
}
