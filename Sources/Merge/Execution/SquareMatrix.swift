/// A small matrix, row by row.
struct SquareMatrix {
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

  var transposed: SquareMatrix {
    var result = self
    for row in 0..<size {
      for column in 0..<size {
        result.elements[column * size + row] = elements[row * size + column]
      }
    }
    return result
  }

  /// The product with the bits that torch's `bmm` has on a CPU: each element is an fma
  /// chain, but in products of fewer than 400 multiplications each sum is rounded by itself.
  private func multiplied(by other: SquareMatrix) -> SquareMatrix {
    var product = [Float](repeating: 0, count: size * size)
    let isFused = size * size * size >= 400
    for row in 0..<size {
      for k in 0..<size {
        let factor = elements[row * size + k]
        for column in 0..<size {
          let (index, other) = (row * size + column, other.elements[k * size + column])
          product[index] =
            isFused ? product[index].addingProduct(factor, other) : product[index] + factor * other
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
      let inverse = 1 / left[pivot * size + pivot]
      for row in 0..<size where row != pivot {
        let factor = left[row * size + pivot] * inverse
        for column in 0..<size {
          left[row * size + column] -= factor * left[pivot * size + column]
          right[row * size + column] -= factor * right[pivot * size + column]
        }
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
}
