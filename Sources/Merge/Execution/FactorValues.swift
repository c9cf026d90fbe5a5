import Compute
import Formats
import Inspect

extension Factor {
  /// The values of the matrix as float32, row by row.
  func floats() throws(CheckpointError) -> [Float] {
    var values = try record.floats()
    if let core { values = try expanded(by: core).map(Float.init) }
    guard let rowScales else { return values }
    let scales = try rowScales.floats()
    let columns = columnCount
    for (row, scale) in scales.enumerated() {
      for index in row * columns..<(row + 1) * columns { values[index] *= scale }
    }
    return values
  }

  /// The values of the matrix as float64, row by row.
  func doubles() throws(CheckpointError) -> [Double] {
    var values = if let core { try expanded(by: core) } else { try record.doubles() }
    guard let rowScales else { return values }
    let columns = columnCount
    for (row, scale) in try rowScales.doubles().enumerated() {
      for index in row * columns..<(row + 1) * columns { values[index] *= scale }
    }
    return values
  }

  /// Σ_j core[i, j, …]·record[j, c] at row i and column `c·kernel + …`, summed in float64.
  private func expanded(by core: TensorRecord) throws(CheckpointError) -> [Double] {
    let (weights, values) = (try core.doubles(), try record.doubles())
    let inner = core.shape[1]
    let kernel = core.shape.dropFirst(2).reduce(1, *)
    let columns = record.shape.dropFirst().reduce(1, *)
    var result: [Double] = []
    result.reserveCapacity(elementCount)
    for i in 0..<core.shape[0] {
      for c in 0..<columns {
        for k in 0..<kernel {
          var sum = 0.0
          for j in 0..<inner {
            sum += weights[(i * inner + j) * kernel + k] * values[j * columns + c]
          }
          result.append(sum)
        }
      }
    }
    return result
  }

  /// The bytes that the values take, packed, and at most while they are loaded.
  var byteCountInMemory: Int {
    let values = elementCount * MemoryLayout<Float>.stride
    return 2 * values + inputs.reduce(0) { $0 + $1.byteCount + $1.gatheredByteCount }
  }
}

extension MatrixSource {
  /// The values of the matrix, row by row; a product is an fma chain over k.
  func floats() throws(CheckpointError) -> [Float] {
    switch self {
    case .whole(let factor): return try factor.floats()
    case .product(let left, let right):
      let (first, second) = (try left.floats(), try right.floats())
      let packed = PackedMatrix(
        second.span, depth: right.rowCount, columns: right.columnCount)
      var product = [Float](repeating: 0, count: rowCount * columnCount)
      var span = product.mutableSpan
      Product.rows(first.span, rowCount: left.rowCount, right: packed, into: &span)
      return product
    }
  }

  var byteCountInMemory: Int {
    factors.reduce(rowCount * columnCount * MemoryLayout<Float>.stride) {
      $0 + $1.byteCountInMemory
    }
  }
}

extension TensorRecord {
  /// The values as float32, row by row.
  func floats() throws(CheckpointError) -> [Float] {
    guard let type = type.element, Conversion.isConvertible(type) else {
      preconditionFailure("the plan lets only float factors through")
    }
    let data = try TensorData(self)
    var bytes = AlignedBuffer(byteCount: data.byteCount)
    try bytes.withMutableBytes { (span) throws(CheckpointError) in
      try data.read(into: &span, at: 0)
    }
    var floats = [Float](repeating: 0, count: elementCount)
    var span = floats.mutableSpan
    bytes.withBytes { Conversion.widen($0, of: type, into: &span) }
    return floats
  }
  /// The values as float64, row by row.
  func doubles() throws(CheckpointError) -> [Double] {
    guard let type = type.element, Conversion.isConvertible(type) else {
      preconditionFailure("the plan lets only float factors through")
    }
    let bytes = try TensorData(self).read(0..<byteCount)
    return Conversion.doubles(bytes, of: type)
  }
}

extension TensorUpdate {
  /// The bytes that the loaded steps take, and at most while they are loaded.
  var byteCountInMemory: Int {
    // Scales before and after, and the maxima of their blocks.
    let count = steps.reduce((scales?.record.elementCount ?? 0) * 16) {
      $0 + $1.action.byteCountInMemory
    }
    // In float64 everything is kept, twice while it is transposed.
    return isWide ? 4 * count + steps.reduce(0) { $0 + $1.action.wideByteCount } : count
  }
}

extension UpdateStep.Action {
  /// The bytes of all values in float64 and in the file.
  fileprivate var wideByteCount: Int {
    inputs.reduce(0) { $0 + $1.elementCount * MemoryLayout<Double>.stride + $1.byteCount }
  }

  fileprivate var byteCountInMemory: Int {
    switch self {
    case .add(let delta): delta.byteCountInMemory
    case .normalise(let normalisation): normalisation.magnitude.elementCount * 16
    case .multiply(let vector, _): vector.elementCount * 16
    case .rotate(let rotation): BlockRotation.byteCount(of: rotation.source)
    case .replaceRows(let rows, let record): rows.count * 32 + record.gatheredByteCount
    case .round: 0
    case .fitScales(let weight): weight.byteCountInMemory
    }
  }
}

extension Delta {
  fileprivate var byteCountInMemory: Int {
    switch form {
    case .lowRank(let b, let a): Factors.byteCount(b: b, a: a, isTransposed: isTransposed)
    case .experts(let b, let a, _): 2 * (b.byteCountInMemory + a.byteCountInMemory)
    case .hadamard(let b1, let a1, let b2, let a2):
      Factors.byteCount(b: b1, a: a1, isTransposed: isTransposed)
        + Factors.byteCount(b: b2, a: a2, isTransposed: isTransposed)
    case .kronecker(let first, let second, _): first.byteCountInMemory + second.byteCountInMemory
    case .full(let factor): factor.record.gatheredByteCount
    }
  }
}
