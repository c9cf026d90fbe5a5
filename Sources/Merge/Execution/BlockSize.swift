/// How much of a tensor one block of work is.
///
/// A block's product stays in a core's second-level cache. The size changes
/// neither a byte of the output nor which bytes are computed, only how many at
/// a time.
struct BlockSize: Sendable, Hashable {
  /// The bytes of float32 products in a block; a block has at least one row.
  var productByteCount = 512 << 10
  /// The bytes of output in a block that is only copied or converted.
  var copyByteCount = 4 << 20

  /// The smallest block that is worth its overhead.
  private static let minimum = 4 << 10

  /// The rows of a matrix with this many columns that make a block.
  func rows(ofColumns columns: Int) -> Int {
    max(1, productByteCount / max(1, columns * MemoryLayout<Float>.stride))
  }

  /// Half the size, or nil where that would be too small.
  var halved: BlockSize? {
    guard productByteCount > Self.minimum else { return nil }
    return BlockSize(
      productByteCount: productByteCount / 2, copyByteCount: max(Self.minimum, copyByteCount / 2))
  }
}
