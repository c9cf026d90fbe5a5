import TestSupport
import Testing

@testable import Compute

/// An update in one pass, held against the product and the update by themselves.
@Suite struct UpdateProductTests {
  /// The sizes of an update and the values in it.
  struct Case: CustomTestStringConvertible {
    var rows: Int
    var depth: Int
    var columns: Int
    var scale: Float = 0.7
    var values: Values = .usual
    var seed = 1

    enum Values: CaseIterable {
      case usual, subnormal, tiny, huge, zeroUpdate, zeroBase, anyBits
    }

    var testDescription: String {
      "\(rows)x\(depth)x\(columns) \(values), scale \(scale), seed \(seed)"
    }
  }

  static let shapes = [
    Case(rows: 1, depth: 1, columns: 1),
    Case(rows: 2, depth: 3, columns: 5, scale: 1),
    Case(rows: 7, depth: 16, columns: 65),
    Case(rows: 6, depth: 16, columns: 256, scale: 2),
    Case(rows: 49, depth: 8, columns: 320),
    Case(rows: 101, depth: 4, columns: 95),
    Case(rows: 3, depth: 384, columns: 127),
    Case(rows: 5, depth: 31, columns: 33, scale: -1.5),
    Case(rows: 11, depth: 2, columns: 600),
  ]

  static let kinds = Case.Values.allCases.flatMap { values in
    (1...3).map { Case(rows: 13, depth: 5, columns: 97, values: values, seed: $0) }
  }

  static let random = (1...12).map { seed in
    var generator = SeededGenerator(seed: UInt64(seed))
    func next(_ bound: Int) -> Int { .random(in: 1...bound, using: &generator) }
    return Case(rows: next(60), depth: next(40), columns: next(400), seed: seed)
  }

  @Test(arguments: ProductTests.levels, shapes + kinds + random)
  func `has the bits of the two passes`(_ level: Product.Instructions, _ example: Case) {
    let inputs = Inputs(example)
    let (output, statistics) = inputs.onePass(using: level)
    #expect(output == inputs.twoPasses())
    let notFinite = widen(output, .bf16).count { Float(bitPattern: $0).isFinite == false }
    #expect(statistics.notFinite == notFinite)
  }

  @Test(arguments: shapes + kinds + random)
  func `sums the same at every level`(_ example: Case) {
    let inputs = Inputs(example)
    let best = inputs.onePass(using: .best).statistics
    for level in ProductTests.levels {
      let found = inputs.onePass(using: level).statistics
      #expect(found.baseSquares.bitPattern == best.baseSquares.bitPattern, "\(level)")
      #expect(found.updateSquares.bitPattern == best.updateSquares.bitPattern, "\(level)")
      #expect(isSame(found.kept, best.kept), "\(level)")
    }
  }

  @Test(arguments: shapes + random)
  func `sums each row by itself, in order`(_ example: Case) {
    let inputs = Inputs(example)
    let whole = inputs.onePass(using: .best)
    var rows = UpdateStatistics()
    var output: [UInt8] = []
    for row in 0..<example.rows {
      let part = inputs.rows(row..<row + 1).onePass(using: .best)
      rows.combine(part.statistics)
      output += part.output
    }
    #expect(output == whole.output)
    #expect(rows == whole.statistics)
  }

  @Test(arguments: shapes + random + kinds.filter { [.tiny, .huge].contains($0.values) })
  func `sums what the update did`(_ example: Case) {
    let inputs = Inputs(example)
    let (output, found) = inputs.onePass(using: .best)
    let product = inputs.product()
    let (old, new) = (widen(inputs.base, .bf16), widen(output, .bf16))
    var expected = UpdateStatistics()
    var size = 0.0
    for index in product.indices {
      let before = Double(Float(bitPattern: old[index]))
      let change = Double(Float(bitPattern: new[index])) - before
      let update = Double(product[index] * example.scale)
      expected.baseSquares += before * before
      expected.updateSquares += update * update
      expected.kept += change * update
      size += abs(change * update)
    }
    func near(_ a: Double, _ b: Double, _ scale: Double) -> Bool { abs(a - b) <= 1e-6 * scale }
    #expect(near(found.baseSquares, expected.baseSquares, expected.baseSquares))
    #expect(near(found.updateSquares, expected.updateSquares, expected.updateSquares))
    #expect(near(found.kept, expected.kept, size))
  }

  @Test(arguments: UpdateTests.edges, ProductTests.levels)
  func `one value at the edge of BF16 is rounded as alone, wherever it stands`(
    _ edge: (bits: UInt32, isFinite: Bool), _ level: Product.Instructions
  ) {
    let columns = 330
    for place in [0, 1, 31, 32, 63, 64, 255, 256, 329] {
      var inputs = Inputs(Case(rows: 1, depth: 1, columns: columns, scale: 1))
      inputs.left = [1]
      inputs.right[place] = Float(bitPattern: edge.bits)
      inputs.base = [UInt8](repeating: 0, count: 2 * columns)
      inputs.base[(place == 5 ? 6 : 5) * 2 + 1] = 0x3F
      let (output, statistics) = inputs.onePass(using: level)
      #expect(output == inputs.twoPasses(), "\(place)")
      #expect(statistics.notFinite == (edge.isFinite ? 0 : 1), "\(place)")
    }
  }

  @Test func `applies only to BF16 and to sums that are not cut`() {
    #expect(Update.isOnePass(depth: 1, of: .bf16, to: .bf16))
    #expect(Update.isOnePass(depth: 384, of: .bf16, to: .bf16))
    #expect(!Update.isOnePass(depth: 385, of: .bf16, to: .bf16))
    #expect(!Update.isOnePass(depth: 0, of: .bf16, to: .bf16))
    #expect(!Update.isOnePass(depth: 16, of: .f16, to: .bf16))
    #expect(!Update.isOnePass(depth: 16, of: .bf16, to: .f32))
  }

  private func isSame(_ a: Double, _ b: Double) -> Bool {
    a.bitPattern == b.bitPattern || a.isNaN && b.isNaN
  }
}

/// The operands of one update.
private struct Inputs {
  var rowCount: Int
  let depth: Int
  let columns: Int
  let scale: Float
  var left: [Float]
  var right: [Float]
  var base: [UInt8]

  init(_ example: UpdateProductTests.Case) {
    (rowCount, depth, columns) = (example.rows, example.depth, example.columns)
    scale = example.scale
    left = factor(rowCount * depth, seed: 3 * example.seed)
    right = factor(depth * columns, seed: 3 * example.seed + 1)
    var values = factor(rowCount * columns, seed: 3 * example.seed + 2)
    switch example.values {
    case .usual: break
    case .subnormal:
      left = left.map { $0 * 0x1p-70 }
      right = right.map { $0 * 0x1p-66 }
      values = values.map { $0 * 0x1p-130 }
    case .tiny:
      left = left.map { $0 * 1e-25 }
      values = values.map { $0 * 1e-25 }
    case .huge:
      left = left.map { $0 * 1e30 }
      values = values.map { $0 * 1e30 }
    case .zeroUpdate: left = left.map { _ in -0.0 }
    case .zeroBase: values = values.map { $0 < 0 ? -0.0 : 0 }
    case .anyBits:
      // About one row in three meets an infinity or NaN.
      values = values.enumerated().map {
        $0 % 251 == 0 ? Float(bitPattern: $1.bitPattern &* 0x9E37_79B1) : $1
      }
      left[1] = .infinity
      left[2 * depth] = .nan
      left[3 * depth] = .greatestFiniteMagnitude
      right[3] = -0.0
    }
    base = narrow(values, .bf16)
  }

  /// Some of the rows.
  func rows(_ rows: Range<Int>) -> Inputs {
    var part = self
    part.rowCount = rows.count
    part.left = Array(left[rows.lowerBound * depth..<rows.upperBound * depth])
    part.base = Array(base[rows.lowerBound * columns * 2..<rows.upperBound * columns * 2])
    return part
  }

  func product() -> [Float] {
    ProductTests.multiply(left, rows: rowCount, ProductTests.pack(right, depth, columns))
  }

  func twoPasses() -> [UInt8] {
    var output = [UInt8](repeating: 0xA5, count: base.count)
    var span = output.mutableSpan
    var bytes = unsafe span.mutableBytes
    unsafe Update.apply(
      product().span, scale: scale, base: base.span.bytes, of: .bf16, into: &bytes, of: .bf16)
    return output
  }

  func onePass(using level: Product.Instructions) -> (
    output: [UInt8], statistics: UpdateStatistics
  ) {
    var output = [UInt8](repeating: 0xA5, count: base.count)
    var scratch = [Float](repeating: .nan, count: columns)
    var statistics = UpdateStatistics()
    var span = output.mutableSpan
    var bytes = unsafe span.mutableBytes
    var row = scratch.mutableSpan
    unsafe Update.applyProduct(
      left.span, rowCount: rowCount, right: ProductTests.pack(right, depth, columns),
      scale: scale, base: base.span.bytes, into: &bytes, scratch: &row, statistics: &statistics,
      using: level)
    return (output, statistics)
  }
}
