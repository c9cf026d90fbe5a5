import Formats

/// The Kronecker product of two small matrices; see `Delta.Form.kronecker`.
struct Kronecker<Scalar: BinaryFloatingPoint & Sendable>: Sendable {
  private let first: [Scalar]
  private let firstRows: Int
  private let firstColumns: Int
  /// The slices of the second, one after the other.
  private let second: [Scalar]
  private let sliceRows: Int
  private let sliceWidth: Int

  /// The matrices and their values.
  init(
    _ first: [Scalar], _ firstSource: MatrixSource, _ second: [Scalar],
    _ secondSource: MatrixSource, sliceWidth: Int?
  ) {
    self.first = first
    self.second = second
    firstRows = firstSource.rowCount
    firstColumns = firstSource.columnCount
    self.sliceWidth = sliceWidth ?? secondSource.columnCount
    sliceRows = sliceWidth.map { secondSource.columnCount / max(1, $0) } ?? secondSource.rowCount
  }

  /// Sets `product` to the rows `rows` of the tensor: each element is one product,
  /// rounded once.
  func rows(_ rows: Range<Int>, into product: inout MutableSpan<Scalar>) {
    let length = firstColumns * sliceWidth
    guard length > 0, !rows.isEmpty else { return }
    // The tensor has a whole number of the product's lines in each row.
    let lines = product.count / rows.count / length
    var index = 0
    for line in rows.lowerBound * lines..<rows.upperBound * lines {
      let (block, below) = line.quotientAndRemainder(dividingBy: sliceRows)
      let (slice, row) = block.quotientAndRemainder(dividingBy: firstRows)
      let start = (slice * sliceRows + below) * sliceWidth
      for column in 0..<firstColumns {
        let factor = first[row * firstColumns + column]
        for place in start..<start + sliceWidth {
          product[index] = factor * second[place]
          index += 1
        }
      }
    }
  }
}
