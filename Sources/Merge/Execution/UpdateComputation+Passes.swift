import Compute
import Formats
import Inspect

/// What has to be known of the whole tensor before its first block is written.
extension UpdateComputation {
  /// Calls `body` with the values that `steps` leave, product by product, in the order of
  /// the rows; they are in `scratch.values`, and the base's in `scratch.input`.
  private func forEachProduct(
    after steps: ArraySlice<LoadedStep>, scale: ScaleGrid?, scratch: inout WorkerScratch,
    _ body: (Range<Int>, inout WorkerScratch) throws(CheckpointError) -> Void
  ) throws(CheckpointError) {
    for start in stride(from: 0, to: update.rowCount, by: productLength) {
      let rows = start..<min(start + productLength, update.rowCount)
      try read(rows, scale: scale, scratch: &scratch)
      try carryOut(steps, rows, 0..<rows.count * update.columnCount, scratch: &scratch)
      try body(rows, &scratch)
    }
  }

  /// The sums of the squares of each column after `steps`.
  func columnSquares(
    after steps: ArraySlice<LoadedStep>, scale: ScaleGrid?, scratch: inout WorkerScratch
  ) throws(CheckpointError) -> [Double] {
    let columns = update.columnCount
    var squares = [Double](repeating: 0, count: columns)
    try forEachProduct(after: steps, scale: scale, scratch: &scratch) { rows, scratch in
      var span = squares.mutableSpan
      scratch.values.withFloats(count: rows.count * columns) { values in
        for row in 0..<rows.count {
          Values.addSquares(of: values.extracting(row * columns..<(row + 1) * columns), to: &span)
        }
      }
    }
    return squares
  }

  /// The scales that hold all values after `steps`.
  func fitted(
    _ old: ScaleGrid, after steps: ArraySlice<LoadedStep>, scratch: inout WorkerScratch
  ) throws(CheckpointError) -> ScaleGrid {
    guard let scales = update.scales, let scaleType = scales.record.type.element else {
      preconditionFailure("the plan knows the types of scales")
    }
    let columns = update.columnCount
    var maxima = [Float](repeating: 0, count: old.scales.count)
    try forEachProduct(after: steps, scale: old, scratch: &scratch) {
      (rows, scratch) throws(CheckpointError) in
      let count = rows.count * columns
      scratch.values.withFloats(count: count) {
        old.findMaxima($0, firstRow: rows.lowerBound, columns: columns, &maxima)
      }
      guard scratch.holdsInfinity(count) else { return }
      scratch.putValuesOut(count)
      try checkFinite(0..<count, of: .f32, to: .f32, firstRow: rows.lowerBound, in: scratch)
    }
    return old.fitted(
      to: maxima, in: storedType, of: scaleType, isPowerOfTwo: scales.isPowerOfTwo)
  }
}
