import Compute

/// A small matrix, row by row.
struct SquareMatrix {
  /// How many matrices of its size are in memory at most while one is made of another;
  /// those of float64 count twice.
  static let temporaryCount = 6

  let size: Int
  private(set) var elements: [Float]

  init(size: Int, _ elements: [Float]) {
    self.size = size
    self.elements = elements
  }

  private static func identity(_ size: Int) -> SquareMatrix {
    var identity = SquareMatrix(size: size, [Float](repeating: 0, count: size * size))
    for index in 0..<size { identity.elements[index * size + index] = 1 }
    return identity
  }

  /// The product with the bits that torch's `bmm` has on a CPU: each element is an fma
  /// chain, but in products of fewer than 400 multiplications each sum is rounded by itself.
  private func multiplied(by other: SquareMatrix) -> SquareMatrix {
    var product = [Float](repeating: 0, count: size * size)
    guard size * size * size < 400 else {
      var span = product.mutableSpan
      Product.rows(
        elements.span, rowCount: size,
        right: PackedMatrix(other.elements.span, depth: size, columns: size), into: &span)
      return SquareMatrix(size: size, product)
    }
    for row in 0..<size {
      for k in 0..<size {
        let factor = elements[row * size + k]
        for column in 0..<size {
          product[row * size + column] += factor * other.elements[k * size + column]
        }
      }
    }
    return SquareMatrix(size: size, product)
  }

  private mutating func add(_ other: SquareMatrix, times factor: Float = 1) {
    for index in elements.indices { elements[index].addProduct(factor, other.elements[index]) }
  }

  /// 1 + 2S + 2S² + … + Sⁿ for the skew-symmetric S: n is one less than the terms, but for
  /// three of them three, as PEFT has it.
  func neumann(terms: Int) -> SquareMatrix {
    var sum = Self.identity(size)
    guard terms > 1 else { return sum }
    sum.add(self, times: 2)
    guard terms > 2 else { return sum }
    var power = multiplied(by: self)
    sum.add(power, times: 2)
    for _ in 3..<max(3, terms - 1) {
      power = power.multiplied(by: self)
      sum.add(power, times: 2)
    }
    sum.add(power.multiplied(by: self))
    return sum
  }

  /// (1 - S)·(1 + S)⁻¹ for the skew-symmetric S: what solves X·(1 + S) = 1 - S, computed
  /// in float64. No pivot is needed, as 1 + S is positive definite.
  var cayley: SquareMatrix {
    // Of the transposes: (1 - S)·Xᵀ = 1 + S.
    var left = [Double](repeating: 0, count: size * size)
    var right = left
    for row in 0..<size {
      for column in 0..<size {
        let index = row * size + column
        let own: Double = row == column ? 1 : 0
        left[index] = own - Double(elements[index])
        right[index] = own + Double(elements[index])
      }
    }
    for pivot in 0..<size {
      let own = pivot * size..<(pivot + 1) * size
      // What stands left of the pivot is zero, or not needed any more.
      // Copies, as a slice would make each write copy the whole array.
      let leftLine = Array(left[pivot * size + pivot..<own.upperBound])
      let rightLine = Array(right[own])
      let inverse = 1 / left[pivot * size + pivot]
      for row in 0..<size where row != pivot {
        let start = row * size
        let factor = left[start + pivot] * inverse
        Self.subtract(leftLine, times: factor, from: &left, at: start + pivot)
        Self.subtract(rightLine, times: factor, from: &right, at: start)
      }
    }
    var result = self
    for row in 0..<size {
      for column in 0..<size {
        result.elements[column * size + row] = Float(
          right[row * size + column] / left[row * size + row])
      }
    }
    return result
  }

  private static func subtract(
    _ line: [Double], times factor: Double, from values: inout [Double], at start: Int
  ) {
    let source = line.span
    var all = values.mutableSpan
    var target = all._mutatingExtracting(start..<start + source.count)
    for index in target.indices { target[index] -= factor * source[index] }
  }
}
