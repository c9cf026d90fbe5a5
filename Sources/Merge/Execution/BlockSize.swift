/// How much of a tensor one block of work is.
///
/// A product, its base and its output stay in a core's second-level cache, from
/// which the output is then copied to the file. The size changes neither a byte of
/// the output nor which bytes are computed, only how many at a time.
struct BlockSize: Sendable, Hashable {
  /// The bytes of a float32 product; it has at least one row.
  var productByteCount = 256 << 10
  /// How many products an updated block takes: fewer and larger reads and writes.
  var productsPerBlock = 4
  /// The bytes of output in a block that is only copied or converted.
  var copyByteCount = 4 << 20

  /// The smallest block that is worth its overhead.
  private static let minimum = 4 << 10

  /// The rows of a matrix with this many columns that make a product.
  func rows(ofColumns columns: Int) -> Int {
    max(1, productByteCount / max(1, columns * MemoryLayout<Float>.stride))
  }

  /// The next smaller size, or nil where that would be too small.
  var smaller: BlockSize? {
    guard productsPerBlock == 1 else {
      return BlockSize(
        productByteCount: productByteCount, productsPerBlock: 1, copyByteCount: copyByteCount / 2)
    }
    guard productByteCount > Self.minimum else { return nil }
    return BlockSize(
      productByteCount: productByteCount / 2, productsPerBlock: 1,
      copyByteCount: max(Self.minimum, copyByteCount / 2))
  }
}
