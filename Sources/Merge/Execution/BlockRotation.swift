import Formats
import Inspect

/// The matrices of a rotation, and the product of rows with them.
///
/// Like PEFT's its numbers are float32 and its sums fma chains; only the inverse is
/// computed in float64.
struct BlockRotation: Sendable {
  private let size: Int
  /// One after the other, each transposed for the product: element `k·size + i` is what
  /// input k gives to output i.
  private let matrices: [Float]

  init(_ rotation: UpdateStep.Rotation) throws(CheckpointError) {
    let source = rotation.source
    size = source.size
    let area = size * size
    var skew = Self.skewMatrices(try source.record.floats(), source)
    if let bound = rotation.bound {
      Self.hold(&skew, area: area, to: bound / Double(source.count).squareRoot())
    }
    var matrices: [Float] = []
    matrices.reserveCapacity(skew.count)
    for start in stride(from: 0, to: skew.count, by: area) {
      let own = SquareMatrix(size: source.size, Array(skew[start..<start + area]))
      let turned =
        switch rotation.form {
        case .cayley: own.cayley
        case .neumann(let terms): own.neumann(terms: terms)
        }
      let isOfEmbedding = source.layout == .triangle(isOfEmbedding: true)
      matrices += (isOfEmbedding ? turned : turned.transposed).elements
    }
    self.matrices = matrices
  }

  /// The bytes that it takes, with what they are made from.
  static func byteCount(of source: AdapterRotation) -> Int {
    let elements = source.count * source.size * source.size
    return 2 * elements * MemoryLayout<Float>.stride + 8 * source.size * source.size * 8
      + source.record.byteCount
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
  func apply(to values: inout MutableSpan<Float>) {
    let matrices = self.matrices.span
    var part = [Float](repeating: 0, count: size)
    var turned = part.mutableSpan
    var matrix = 0
    for start in stride(from: 0, to: values.count, by: size) {
      for i in turned.indices { turned[i] = 0 }
      for k in 0..<size {
        let value = values[start + k]
        let line = matrices.extracting(matrix + k * size..<matrix + (k + 1) * size)
        for i in turned.indices { turned[i].addProduct(line[i], value) }
      }
      for i in turned.indices { values[start + i] = turned[i] }
      // A row has one part for each matrix, or all its parts have one.
      matrix += size * size
      if matrix == matrices.count { matrix = 0 }
    }
  }
}
