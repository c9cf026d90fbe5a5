import Testing

@testable import Compute

@Suite struct ProductTests {
  static let levels = Product.Instructions.allCases.filter { $0 <= .best }

  /// The definition: one chain of fused multiply-adds for each element.
  static func chains(_ left: [Float], _ right: [Float], _ depth: Int, _ columns: Int) -> [Float] {
    (0..<left.count / depth).flatMap { row in
      (0..<columns).map { column in
        var start = 0
        var total: Float = 0
        for end in Product.chunkEnds(depth: depth) {
          var sum: Float = 0
          for k in start..<end {
            sum = sum.addingProduct(left[row * depth + k], right[k * columns + column])
          }
          total = start == 0 ? sum : total + sum
          start = end
        }
        return total
      }
    }
  }

  static func pack(_ values: [Float], _ depth: Int, _ columns: Int) -> PackedMatrix {
    PackedMatrix(values.span, depth: depth, columns: columns)
  }

  static func packTransposed(_ values: [Float], _ depth: Int, _ columns: Int) -> PackedMatrix {
    PackedMatrix(transposing: values.span, depth: depth, columns: columns)
  }

  static func multiply(
    _ left: [Float], rows: Int, _ right: PackedMatrix,
    using instructions: Product.Instructions = .best
  ) -> [Float] {
    var result = [Float](repeating: .nan, count: rows * right.columns)
    var span = result.mutableSpan
    Product.rows(left.span, rowCount: rows, right: right, into: &span, using: instructions)
    return result
  }

  /// Rows, depth, columns.
  static let shapes = [
    [1, 1, 1], [2, 3, 5], [7, 16, 65], [5, 8, 64], [13, 31, 130], [3, 400, 17], [6, 800, 20],
  ]

  @Test(arguments: levels, shapes)
  func `every element is the chain in order`(_ level: Product.Instructions, _ shape: [Int]) {
    let (rows, depth, columns) = (shape[0], shape[1], shape[2])
    let left = factor(rows * depth, seed: 3)
    let right = factor(depth * columns, seed: 4)
    let packed = Self.pack(right, depth, columns)
    let found = Self.multiply(left, rows: rows, packed, using: level)
    #expect(found == Self.chains(left, right, depth, columns))
  }

  @Test(arguments: Tables.digests.keys.filter { $0.hasPrefix("product") }.sorted())
  func `equals torch bit for bit`(_ name: String) {
    let shape = name.dropFirst(8).split(separator: "x").compactMap { Int($0) }
    let (rows, depth, columns) = (shape[0], shape[1], shape[2])
    let right = factor(depth * columns, seed: depth + 1)
    let packed = Self.pack(right, depth, columns)
    let found = Self.multiply(factor(rows * depth, seed: depth), rows: rows, packed)
    #expect(Tables.digest(found.map(\.bitPattern)) == Tables.digests[name])
  }

  @Test(arguments: [1, 2, 5, 6, 7, 23])
  func `blocks of rows do not change a bit`(_ block: Int) {
    let (rows, depth, columns) = (23, 40, 130)
    let left = factor(rows * depth, seed: 5)
    let packed = Self.pack(factor(depth * columns, seed: 6), depth, columns)
    let whole = Self.multiply(left, rows: rows, packed)
    var parts: [Float] = []
    for start in stride(from: 0, to: rows, by: block) {
      let end = min(start + block, rows)
      parts += Self.multiply(Array(left[start * depth..<end * depth]), rows: end - start, packed)
    }
    #expect(parts == whole)
  }

  @Test func `a transposed factor packs to the same panels`() {
    let values = factor(5 * 70, seed: 7)
    let transposed = (0..<70).flatMap { column in (0..<5).map { values[$0 * 70 + column] } }
    let plain = Self.pack(values, 5, 70)
    #expect(
      Self.packTransposed(transposed, 5, 70).panels == plain.panels)
    #expect(plain.panels.count * 4 == PackedMatrix.byteCount(depth: 5, columns: 70))
  }

  @Test(arguments: levels)
  func `infinities, NaN and subnormals go the way of the fused operation`(
    _ level: Product.Instructions
  ) {
    let values: [Float] = [
      0, -0.0, 1, .infinity, -.infinity, .nan, .greatestFiniteMagnitude, 0x1p-149, -0x1p-126,
      0x1.fffffep-75, 0x1.000002p-75, -0x1.fffffep63, 0x1p64,
    ]
    // All pairs of pairs: left rows [a, b], right columns [c, d].
    let pairs = values.flatMap { a in values.map { [a, $0] } }
    let packed = Self.packTransposed(pairs.flatMap(\.self), 2, pairs.count)
    let found = Self.multiply(pairs.flatMap(\.self), rows: pairs.count, packed, using: level)
    let expected = pairs.flatMap { left in
      pairs.map { Float(0).addingProduct(left[0], $0[0]).addingProduct(left[1], $0[1]) }
    }
    let same = zip(found, expected).allSatisfy {
      $0.bitPattern == $1.bitPattern || $0.isNaN && $1.isNaN
    }
    #expect(same)
  }

  @Test func `a product of depth zero is zero`() {
    let packed = Self.pack([], 0, 3)
    #expect(Self.multiply([], rows: 2, packed) == [0, 0, 0, 0, 0, 0])
  }

  @Test(arguments: [
    (1, [1]), (384, [384]), (385, [193, 385]), (768, [384, 768]),
    (1024, [384, 768, 1024]), (1152, [384, 768, 1152]),
  ])
  func `long sums are cut where torch cuts them`(_ depth: Int, _ ends: [Int]) {
    #expect(Product.chunkEnds(depth: depth) == ends)
  }
}
