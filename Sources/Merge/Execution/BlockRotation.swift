import Compute
import Formats
import Inspect

/// The matrices of a rotation, and the product of rows with them.
///
/// Like PEFT's its numbers are float32 and its sums fma chains; only the inverse is
/// computed in float64.
struct BlockRotation: Sendable {
  private let size: Int
  /// One for each part of a row, or one for all, each transposed for the product: row k
  /// is what input k gives to the outputs.
  private let matrices: [PackedMatrix]

  init(_ rotation: UpdateStep.Rotation) throws(CheckpointError) {
    let source = rotation.source
    size = source.size
    let area = size * size
    var skew = Self.skewMatrices(try source.record.floats(), source)
    if let bound = rotation.bound {
      Self.hold(&skew, area: area, to: bound / Double(source.count).squareRoot())
    }
    var matrices: [PackedMatrix] = []
    for start in stride(from: 0, to: skew.count, by: area) {
      let own = SquareMatrix(size: source.size, Array(skew[start..<start + area]))
      let turned =
        switch rotation.form {
        case .cayley: own.cayley
        case .neumann(let terms): own.neumann(terms: terms)
        }
      let isOfEmbedding = source.layout == .triangle(isOfEmbedding: true)
      let elements = turned.elements.span
      matrices.append(
        isOfEmbedding
          ? PackedMatrix(elements, depth: size, columns: size)
          : PackedMatrix(transposing: elements, depth: size, columns: size))
    }
    self.matrices = matrices
  }

  /// The bytes that it takes, with what they are made from.
  static func byteCount(of source: AdapterRotation) -> Int {
    let packed = PackedMatrix.byteCount(depth: source.size, columns: source.size)
    let skew = source.count * source.size * source.size * MemoryLayout<Float>.stride
    let numbers = source.record.elementCount * MemoryLayout<Float>.stride
    return skew + numbers + source.record.byteCount
      + (source.count + SquareMatrix.temporaryCount) * packed
  }

  private static func skewMatrices(_ numbers: [Float], _ source: AdapterRotation) -> [Float] {
    let size = source.size
    var skew = [Float](repeating: 0, count: source.count * size * size)
    var next = 0
    for start in stride(from: 0, to: skew.count, by: size * size) {
      for row in 0..<size {
        for column in row + 1..<max(row + 1, size) {
          let (upper, lower) = (start + row * size + column, start + column * size + row)
          if source.layout == .square {
            skew[upper] = 0.5 * (numbers[upper] - numbers[lower])
          } else {
            skew[upper] = numbers[next]
            next += 1
          }
          skew[lower] = -skew[upper]
        }
      }
    }
    return skew
  }

  /// Scales each matrix down to a norm of at most `bound`.
  private static func hold(_ skew: inout [Float], area: Int, to bound: Double) {
    for start in stride(from: 0, to: skew.count, by: area) {
      let own = start..<start + area
      let norm = skew[own].reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
      guard norm > Double(Float(bound)) else { continue }
      for index in own { skew[index] = Float(bound) * (skew[index] / Float(norm)) }
    }
  }

  /// Turns whole rows.
  func apply(to values: inout MutableSpan<Float>, scratch: inout StepScratch) {
    for (part, matrix) in matrices.enumerated() {
      scratch.multiply(&values, part: part, of: matrices.count, by: matrix)
    }
  }
}

extension StepScratch {
  /// Multiplies one of the equal parts of each row with a square matrix.
  fileprivate mutating func multiply(
    _ values: inout MutableSpan<Float>, part: Int, of partCount: Int, by matrix: PackedMatrix
  ) {
    let size = matrix.depth
    let stride = partCount * size
    let rowCount = values.count / stride
    let count = rowCount * size
    rounded.withMutableFloats(count: count) { gathered in
      for row in 0..<rowCount {
        let start = row * stride + part * size
        Self.copy(
          values.span.extracting(start..<start + size),
          into: &gathered, at: row * size)
      }
    }
    product.withMutableFloats(count: count) { product in
      rounded.withFloats(count: count) {
        Product.rows($0, rowCount: rowCount, right: matrix, into: &product)
      }
    }
    product.withFloats(count: count) { product in
      for row in 0..<rowCount {
        Self.copy(
          product.extracting(row * size..<(row + 1) * size),
          into: &values, at: row * stride + part * size)
      }
    }
  }

  private static func copy(
    _ source: Span<Float>, into values: inout MutableSpan<Float>, at start: Int
  ) {
    var line = values._mutatingExtracting(start..<start + source.count)
    for index in line.indices { line[index] = source[index] }
  }
}
