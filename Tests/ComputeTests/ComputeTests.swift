import Testing

@testable import Compute

@Suite struct ProductTests {
  @Test func `smoke`() {
    let packed = PackedMatrix([1, 2, 3, 4].span, depth: 2, columns: 2)
    var out = [Float](repeating: 0, count: 2)
    var span = out.mutableSpan
    Product.rows([1, 10].span, rowCount: 1, right: packed, into: &span)
    #expect(out == [31, 42])
  }
}
