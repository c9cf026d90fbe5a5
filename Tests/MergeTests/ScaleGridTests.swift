import Compute
import Testing

@testable import Merge

/// The scales of quantised weights.
@Suite struct ScaleGridTests {
  /// Blocks of 2 × 3 over a matrix of 3 × 4.
  private let grid = ScaleGrid(
    [1, 2, 4, 8], rowsPerScale: 2, columnsPerScale: 3, columnCount: 4)

  @Test func `each value belongs to the scale of its block`() {
    var values = [Float](repeating: 1, count: 12)
    var span = values.mutableSpan
    grid.multiply(&span, firstRow: 0, columns: 4)
    #expect(values == [1, 1, 1, 2, 1, 1, 1, 2, 4, 4, 4, 8])
    span = values.mutableSpan
    grid.divide(&span, firstRow: 0, columns: 4)
    #expect(values == [Float](repeating: 1, count: 12))
  }

  @Test func `rows in the middle have the scales of their place`() {
    var values: [Float] = [1, 1, 1, 1]
    var span = values.mutableSpan
    grid.multiply(&span, firstRow: 2, columns: 4)
    #expect(values == [4, 4, 4, 8])
  }

  @Test func `a scale grows only where its block does not fit`() {
    let maxima: [Float] = [448, 897, 0, .infinity]
    let fitted = grid.fitted(to: maxima, in: .f8e4m3, of: .f32, isPowerOfTwo: false)
    #expect(fitted.scales == [1, Float(897.0 / 448), 4, 8])
    let powers = grid.fitted(to: maxima, in: .f8e4m3, of: .f32, isPowerOfTwo: true)
    #expect(powers.scales == [1, 4, 4, 8])
  }
}
