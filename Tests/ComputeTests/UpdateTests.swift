import Testing

@testable import Compute

@Suite struct UpdateTests {
  static let bases: [ElementType] = [.bf16, .f16, .f32, .f64]

  @Test(arguments: bases, ElementType.floats)
  func `adds in float32 and rounds once`(_ from: ElementType, _ to: ElementType) {
    let count = 2500
    let base = convert(narrow(factor(count, seed: 8), .f32), .f32, from)
    let product = factor(count, seed: 9)
    let scale: Float = 0.7
    let sums = (0..<count).map { index -> [UInt8] in
      let delta = product[index] * scale
      let bytes = Array(base[index * (from.bitWidth / 8)..<(index + 1) * (from.bitWidth / 8)])
      guard from == .f64 else {
        return narrow([Float(bitPattern: widen(bytes, from)[0]) + delta], to)
      }
      let sum = Double(bitPattern: integers(bytes, as: UInt64.self)[0]) + Double(delta)
      return convert(littleEndian([sum.bitPattern]), .f64, to)
    }
    var statistics = UpdateStatistics()
    #expect(Self.apply(product, scale, base, from, to) == sums.flatMap(\.self))
    #expect(
      Self.apply(product, scale, base, from, to, &statistics) == sums.flatMap(\.self))
  }

  @Test(arguments: bases, [1, 1000, 1024, 5000])
  func `sums what the update did`(_ type: ElementType, _ count: Int) {
    // Squares of the small and the large ones leave the range of float32.
    for size in type == .f16 ? [1] : [1, 1e-25, 1e30] as [Float] {
      expectSums(of: type, count, size)
    }
  }

  private func expectSums(of type: ElementType, _ count: Int, _ size: Float) {
    let base = convert(narrow(factor(count, seed: 10).map { $0 * size }, .f32), .f32, type)
    let product = factor(count, seed: 11).map { $0 * size }
    var statistics = UpdateStatistics()
    let output = Self.apply(product, 0.01, base, type, type, &statistics)
    var expected = UpdateStatistics()
    let (old, new) = (convert(base, type, .f64), convert(output, type, .f64))
    for index in 0..<count {
      let w = Double(
        bitPattern: integers(Array(old[index * 8..<index * 8 + 8]), as: UInt64.self)[0])
      let v = Double(
        bitPattern: integers(Array(new[index * 8..<index * 8 + 8]), as: UInt64.self)[0])
      let d = Double(product[index] * 0.01)
      expected.baseSquares += w * w
      expected.updateSquares += d * d
      expected.kept += (v - w) * d
    }
    func near(_ a: Double, _ b: Double, _ scale: Double) -> Bool { abs(a - b) <= 1e-6 * scale }
    #expect(near(statistics.baseSquares, expected.baseSquares, expected.baseSquares))
    #expect(near(statistics.updateSquares, expected.updateSquares, expected.updateSquares))
    #expect(near(statistics.kept, expected.kept, expected.updateSquares * 10))
    #expect(statistics.notFinite == 0)
    #expect(statistics.relativeUpdate.map { $0 > 0 && $0 < 1 } == true)
  }

  @Test func `counts what is not finite and gives no ratio of it`() {
    let base = [Float](repeating: 60000, count: 1500)
    var product = [Float](repeating: 0, count: 1500)
    product[3] = 10000
    product[1400] = .nan
    var statistics = UpdateStatistics()
    let output = Self.apply(product, 1, narrow(base, .f32), .f32, .f16, &statistics)
    #expect(statistics.notFinite == 2)
    #expect(statistics.keptShare == nil)
    #expect(widen(output, .f16)[3] == Float.infinity.bitPattern)
    #expect(UpdateStatistics().relativeUpdate == nil)
  }

  /// The value of one element before rounding, and whether BF16 has it.
  static let edges: [(UInt32, isFinite: Bool)] = [
    (0x7F7F_7FFF, true), (0x7F7F_8000, false), (0x7F7F_FFFF, false), (0x7F80_0000, false),
    (0xFF80_0000, false), (0x7F80_0001, false), (0xFFC0_1234, false), (0xFF7F_7FFF, true),
  ]

  @Test(arguments: edges)
  func `one value at the edge of BF16 is rounded as alone, wherever it stands`(
    _ edge: UInt32, _ isFinite: Bool
  ) {
    for place in [0, 15, 127, 1023, 1024, 2047] {
      var product = factor(2048, seed: 14)
      product[place] = Float(bitPattern: edge)
      let base = [UInt8](repeating: 0, count: 4096)
      var statistics = UpdateStatistics()
      let output = Self.apply(product, 1, base, .bf16, .bf16, &statistics)
      #expect(output == narrow(product, .bf16), "\(place)")
      #expect(statistics.notFinite == (isFinite ? 0 : 1), "\(place)")
    }
  }

  @Test func `a sum of adapters goes on with scale one`() {
    let (first, second) = (factor(3000, seed: 12), factor(3000, seed: 13))
    var sum = [Float](repeating: 0, count: 3000)
    var span = sum.mutableSpan
    Update.accumulate(first.span, scale: 0.3, into: &span)
    Update.accumulate(second.span, scale: -1.1, into: &span)
    #expect(sum == zip(first, second).map { $0 * 0.3 + $1 * -1.1 })
  }

  private static func apply(
    _ product: [Float], _ scale: Float, _ base: [UInt8], _ from: ElementType, _ to: ElementType
  ) -> [UInt8] {
    var output = [UInt8](repeating: 0, count: product.count * (to.bitWidth / 8))
    var span = output.mutableSpan
    var bytes = unsafe span.mutableBytes
    unsafe Update.apply(
      product.span, scale: scale, base: base.span.bytes, of: from, into: &bytes, of: to)
    return output
  }

  private static func apply(
    _ product: [Float], _ scale: Float, _ base: [UInt8], _ from: ElementType, _ to: ElementType,
    _ statistics: inout UpdateStatistics
  ) -> [UInt8] {
    var output = [UInt8](repeating: 0, count: product.count * (to.bitWidth / 8))
    var span = output.mutableSpan
    var bytes = unsafe span.mutableBytes
    unsafe Update.apply(
      product.span, scale: scale, base: base.span.bytes, of: from, into: &bytes, of: to,
      statistics: &statistics)
    return output
  }
}
