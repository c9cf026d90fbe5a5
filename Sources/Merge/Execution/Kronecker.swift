import Formats

/// The Kronecker product of two small matrices; see `Delta.Form.kronecker`.
struct Kronecker: Sendable {
  private let first: [Float]
  private let firstRows: Int
  private let firstColumns: Int
  /// The slices of the second, one after the other.
  private let second: [Float]
  private let sliceRows: Int
  private let sliceWidth: Int

  init(_ first: MatrixSource, _ second: MatrixSource, sliceWidth: Int?) throws(CheckpointError) {
    self.first = try first.floats()
    self.second = try second.floats()
    firstRows = first.rowCount
    firstColumns = first.columnCount
    self.sliceWidth = sliceWidth ?? second.columnCount
    sliceRows = sliceWidth.map { second.columnCount / max(1, $0) } ?? second.rowCount
  }

  /// Sets `product` to the rows `rows` of the tensor: each element is one product,
  /// rounded once.
  func rows(_ rows: Range<Int>, into product: inout MutableSpan<Float>) {
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
