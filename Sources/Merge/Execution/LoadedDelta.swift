import Compute
import Formats

/// A delta whose factors are in memory, ready for blocks of its rows.
struct LoadedDelta: Sendable {
  let delta: Delta
  private let form: Form

  private enum Form: Sendable {
    case lowRank(Factors)
    case hadamard(Factors, Factors)
    case experts([Factors], rowCount: Int)
    case kronecker(Kronecker<Float>)
    case full(TensorData, columnCount: Int)
  }

  /// `columnCount` is that of the tensor that the delta is added to.
  init(_ delta: Delta, rowCount: Int, columnCount: Int) throws(CheckpointError) {
    self.delta = delta
    switch delta.form {
    case .lowRank(let b, let a):
      form = .lowRank(try Factors(b: b, a: a, isTransposed: delta.isTransposed))
    case .hadamard(let b1, let a1, let b2, let a2):
      form = .hadamard(
        try Factors(b: b1, a: a1, isTransposed: delta.isTransposed),
        try Factors(b: b2, a: a2, isTransposed: delta.isTransposed))
    case .experts(let b, let a, let count):
      form = .experts(
        try Factors.experts(b: b, a: a, count: count, isTransposed: delta.isTransposed),
        rowCount: rowCount / max(1, count))
    case .kronecker(let first, let second, let sliceWidth):
      form = .kronecker(
        Kronecker(try first.floats(), first, try second.floats(), second, sliceWidth: sliceWidth))
    case .full(let factor):
      form = .full(try TensorData(factor.record), columnCount: columnCount)
    }
  }

  /// The factors where they make the whole matrix.
  var factors: Factors? {
    if case .lowRank(let factors) = form { factors } else { nil }
  }

  /// Sets `product` to the rows `rows` of the unscaled matrix.
  func multiply(
    _ rows: Range<Int>, into product: inout MutableSpan<Float>, scratch: inout DeltaScratch
  ) throws(CheckpointError) {
    switch form {
    case .lowRank(let factors): try factors.multiply(rows, into: &product, scratch: &scratch.left)
    case .hadamard(let first, let second):
      try first.multiply(rows, into: &product, scratch: &scratch.left)
      let count = product.count
      try scratch.second.withMutableFloats(count: count) { (other) throws(CheckpointError) in
        try second.multiply(rows, into: &other, scratch: &scratch.left)
      }
      scratch.second.withFloats(count: count) { Values.multiply(&product, by: $0) }
    case .experts(let experts, let rowCount):
      try multiply(experts, rowCount, rows, into: &product, scratch: &scratch)
    case .kronecker(let kronecker): kronecker.rows(rows, into: &product)
    case .full(let data, let columnCount):
      try scratch.left.readRows(rows, of: data, rank: columnCount)
      scratch.left.left.withFloats(count: product.count) { values in
        for index in product.indices { product[index] = values[index] }
      }
    }
  }

  /// The rows of each expert in turn.
  private func multiply(
    _ experts: [Factors], _ rowCount: Int, _ rows: Range<Int>,
    into product: inout MutableSpan<Float>, scratch: inout DeltaScratch
  ) throws(CheckpointError) {
    let columns = product.count / max(1, rows.count)
    var row = rows.lowerBound
    while row < rows.upperBound {
      let expert = row / rowCount
      let end = min(rows.upperBound, (expert + 1) * rowCount)
      var part = product._mutatingExtracting(
        (row - rows.lowerBound) * columns..<(end - rows.lowerBound) * columns)
      try experts[expert].multiply(
        row - expert * rowCount..<end - expert * rowCount, into: &part, scratch: &scratch.left)
      row = end
    }
  }
}

/// What a worker needs beside the product itself.
struct DeltaScratch: ~Copyable {
  var left: LeftScratch
  /// The second product of a Hadamard product.
  var second: AlignedBuffer
}

extension Factors {
  /// The factors of each expert of a fused parameter; see `Delta.Form.experts`.
  static func experts(b: Factor, a: Factor, count: Int, isTransposed: Bool)
    throws(CheckpointError) -> [Factors]
  {
    let rank = a.rowCount / count
    let (valuesA, valuesB) = (try a.floats(), try b.floats())
    let (columns, rows) = (a.columnCount, b.rowCount)
    return (0..<count).map { expert in
      let ownA = Array(valuesA[expert * rank * columns..<(expert + 1) * rank * columns])
      var ownB: [Float] = []
      ownB.reserveCapacity(rows * rank)
      for row in 0..<rows {
        for k in 0..<rank { ownB.append(valuesB[(row * rank + k) * count + expert]) }
      }
      return Factors(
        b: ownB, rowCount: rows, a: ownA, columnCount: columns, rank: rank,
        isTransposed: isTransposed)
    }
  }

  private init(
    b: [Float], rowCount: Int, a: [Float], columnCount: Int, rank: Int, isTransposed: Bool
  ) {
    if isTransposed {
      self.init(
        right: PackedMatrix(transposing: b.span, depth: rank, columns: rowCount),
        left: .columns(a, stride: columnCount))
    } else {
      self.init(
        right: PackedMatrix(a.span, depth: rank, columns: columnCount), left: .rows(b))
    }
  }
}
