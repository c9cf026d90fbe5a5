import Compute
import Formats

/// The matrix of a delta in float64, row by row.
struct WideMatrix: Sendable {
  private indirect enum Form: Sendable {
    /// Rows of the left factor, lines of the right one, each of `columns`.
    case product(left: [Double], right: [Double], depth: Int)
    case hadamard(WideMatrix, WideMatrix)
    /// One below the other, of so many rows each.
    case stack([WideMatrix], rowCount: Int)
    case kronecker(Kronecker<Double>)
    case full([Double])
  }

  private let form: Form
  private let columnCount: Int

  private init(_ form: Form, columnCount: Int) {
    self.form = form
    self.columnCount = columnCount
  }

  /// The matrix of `delta` for a tensor of these rows and columns.
  init(_ delta: Delta, rowCount: Int, columnCount: Int) throws(CheckpointError) {
    func product(_ b: Factor, _ a: Factor) throws(CheckpointError) -> WideMatrix {
      Self.product(
        try b.doubles(), rowCount: b.rowCount, try a.doubles(), depth: a.rowCount,
        isTransposed: delta.isTransposed)
    }
    let form: Form
    switch delta.form {
    case .lowRank(let b, let a): form = try product(b, a).form
    case .hadamard(let b1, let a1, let b2, let a2):
      form = .hadamard(try product(b1, a1), try product(b2, a2))
    case .experts(let b, let a, let count):
      form = .stack(
        try Self.experts(b, a, count: count, isTransposed: delta.isTransposed),
        rowCount: rowCount / max(1, count))
    case .kronecker(let first, let second, let sliceWidth):
      form = .kronecker(
        Kronecker(
          try first.doubles(), first, try second.doubles(), second, sliceWidth: sliceWidth))
    case .full(let factor): form = .full(try factor.doubles())
    }
    self.init(form, columnCount: columnCount)
  }

  private static func product(
    _ b: [Double], rowCount: Int, _ a: [Double], depth: Int, isTransposed: Bool
  ) -> WideMatrix {
    let columns = a.count / max(1, depth)
    guard isTransposed else {
      return WideMatrix(.product(left: b, right: a, depth: depth), columnCount: columns)
    }
    return WideMatrix(
      .product(
        left: transposed(a, rows: depth), right: transposed(b, rows: rowCount), depth: depth),
      columnCount: rowCount)
  }

  private static func transposed(_ values: [Double], rows: Int) -> [Double] {
    let columns = values.count / max(1, rows)
    return (0..<values.count).map { values[$0 % rows * columns + $0 / rows] }
  }

  /// See `Delta.Form.experts`.
  private static func experts(_ b: Factor, _ a: Factor, count: Int, isTransposed: Bool)
    throws(CheckpointError) -> [WideMatrix]
  {
    let rank = a.rowCount / count
    let (valuesA, valuesB) = (try a.doubles(), try b.doubles())
    let width = rank * a.columnCount
    return (0..<count).map { expert in
      let own = (0..<b.rowCount * rank).map { valuesB[$0 * count + expert] }
      return product(
        own, rowCount: b.rowCount, Array(valuesA[expert * width..<(expert + 1) * width]),
        depth: rank, isTransposed: isTransposed)
    }
  }

  /// The values of one row.
  func row(_ row: Int) -> [Double] {
    switch form {
    case .product(let left, let right, let depth):
      var line = [Double](repeating: 0, count: columnCount)
      for k in 0..<depth {
        let factor = left[row * depth + k]
        for column in line.indices {
          line[column].addProduct(factor, right[k * columnCount + column])
        }
      }
      return line
    case .hadamard(let first, let second): return zip(first.row(row), second.row(row)).map(*)
    case .stack(let parts, let rowCount): return parts[row / rowCount].row(row % rowCount)
    case .kronecker(let kronecker):
      var line = [Double](repeating: 0, count: columnCount)
      var span = line.mutableSpan
      kronecker.rows(row..<row + 1, into: &span)
      return line
    case .full(let values): return Array(values[row * columnCount..<(row + 1) * columnCount])
    }
  }
}

extension MatrixSource {
  /// The values of the matrix as float64, row by row.
  fileprivate func doubles() throws(CheckpointError) -> [Double] {
    switch self {
    case .whole(let factor): return try factor.doubles()
    case .product(let left, let right):
      let product = try WideMatrix(
        Delta(.lowRank(b: left, a: right), scale: 1), rowCount: rowCount,
        columnCount: columnCount)
      return (0..<rowCount).flatMap { product.row($0) }
    }
  }
}
