import Compute
import Testing

@Suite struct ResultDistanceTests {
  private func bytes<Value: BitwiseCopyable>(_ values: [Value]) -> [UInt8] {
    unsafe values.withUnsafeBytes { unsafe Array($0) }
  }

  private func distance(
    _ expected: [UInt8], _ actual: [UInt8], _ type: ElementType, base: [UInt8] = [],
    _ baseType: ElementType? = nil
  ) -> ResultDistance {
    var distance = ResultDistance()
    unsafe distance.add(
      expected: expected.span.bytes, actual: actual.span.bytes, of: type,
      base: base.span.bytes, of: baseType)
    return distance
  }

  struct PairCase: CustomTestStringConvertible {
    let type: ElementType
    let a: UInt64
    let b: UInt64
    let ulp: Int
    var differs = true
    var testDescription: String {
      "\(type.name) \(String(a, radix: 16)) and \(String(b, radix: 16))"
    }
  }

  static let pairs = [
    PairCase(type: .bf16, a: 0x3F80, b: 0x3F81, ulp: 1),
    PairCase(type: .bf16, a: 0x3F7F, b: 0x3F80, ulp: 1),
    PairCase(type: .bf16, a: 0xBF80, b: 0xBF82, ulp: 2),
    // Both zeros are one value with two patterns of bits.
    PairCase(type: .bf16, a: 0x0000, b: 0x8000, ulp: 0),
    PairCase(type: .bf16, a: 0x0001, b: 0x8001, ulp: 2),
    PairCase(type: .bf16, a: 0x7F7F, b: 0x7F80, ulp: 1),
    PairCase(type: .bf16, a: 0x7FC0, b: 0x7FC1, ulp: 0, differs: false),
    PairCase(type: .bf16, a: 0x7F80, b: 0x7F81, ulp: .max),
    PairCase(type: .bf16, a: 0x7FC0, b: 0x0000, ulp: .max),
    PairCase(type: .f16, a: 0x3C00, b: 0x3BFF, ulp: 1),
    PairCase(type: .f32, a: 0x3F80_0000, b: 0xBF80_0000, ulp: 0x7F00_0000),
    PairCase(type: .f64, a: 0x3FF0_0000_0000_0000, b: 0x3FF0_0000_0000_0005, ulp: 5),
    PairCase(type: .f64, a: 0x7FEF_FFFF_FFFF_FFFF, b: 0xFFEF_FFFF_FFFF_FFFF, ulp: .max),
    PairCase(type: .f8e4m3, a: 0x7E, b: 0x7D, ulp: 1),
    PairCase(type: .f8e4m3, a: 0x7E, b: 0x7F, ulp: .max),
    PairCase(type: .f8e4m3fnuz, a: 0x00, b: 0x80, ulp: .max),
    PairCase(type: .f8e5m2fnuz, a: 0x01, b: 0x81, ulp: 2),
    PairCase(type: .f8e8m0, a: 0x7F, b: 0x81, ulp: 2),
  ]

  @Test(arguments: pairs)
  func `counts the steps from one value to the other`(row: PairCase) throws {
    let width = try #require(row.type.byteWidth)
    let (a, b) = (Array(bytes([row.a]).prefix(width)), Array(bytes([row.b]).prefix(width)))
    for (expected, actual) in [(a, b), (b, a)] {
      let found = distance(expected, actual, row.type)
      #expect(found.maximumUlp == row.ulp)
      #expect(found.differing == (row.differs ? 1 : 0))
    }
    #expect(distance(a, a, row.type) == ResultDistance())
  }

  @Test func `the neighbour of every BF16 is one step away`() {
    for code in 0..<UInt16(0x7F80) {
      for sign: UInt16 in [0, 0x8000] {
        let found = distance(bytes([code | sign]), bytes([(code + 1) | sign]), .bf16)
        guard found.maximumUlp == 1 else {
          Issue.record("\(code | sign) and the next are \(found.maximumUlp) apart")
          return
        }
      }
    }
  }

  @Test func `what nearly cancels is measured in units of its terms`() {
    // The first is 1 − 0.9375: its own unit is a sixteenth of the base's.
    let base: [Float] = [1, 1]
    let expected: [Float] = [0.0625, 2]
    let actual: [Float] = [0.0625 + 0x1p-23, 2 + 0x1p-22]
    let found = distance(bytes(expected), bytes(actual), .f32, base: bytes(base), .f32)
    #expect(found.maximumUlp == 16)
    #expect(found.maximumTermUlp == 1)
    #expect(found.differing == 2)
    let alone = distance(bytes(expected), bytes(actual), .f32)
    #expect(alone.maximumTermUlp == 16)
  }

  @Test func `a change is told as so many times the expected one`() throws {
    let base: [Float] = [1, 2, 3, 4]
    let expected: [Float] = [1.5, 1.5, 3, 4.25]
    let double: [Float] = [2, 1, 3, 4.5]
    let found = distance(bytes(expected), bytes(double), .f32, base: bytes(base), .f32)
    #expect(found.share == 2)
    #expect(abs(try #require(found.cosine) - 1) < 1e-15)
    #expect(found.relativeError == 1)
    let none = distance(bytes(expected), bytes(base), .f32, base: bytes(base), .f32)
    #expect(none.share == 0)
    #expect(none.cosine == nil)
    #expect(none.relativeError == 1)
    #expect(distance(bytes(base), bytes(double), .f32, base: bytes(base), .f32).share == nil)
  }

  @Test func `the base may be of another type`() {
    let base: [UInt16] = [0x3F80, 0x4000]
    let found = distance(
      bytes([1.5, 2] as [Float]), bytes([1.5, 3] as [Float]), .f32, base: bytes(base), .bf16)
    #expect(found.differing == 1)
    #expect(found.share == 1)
    #expect(found.relativeError == 2)
  }

  @Test func `what is not finite has no part in the sums`() {
    let base: [Float] = [1, 1, 1]
    let found = distance(
      bytes([2, .infinity, 2] as [Float]), bytes([2, 3, .nan] as [Float]), .f32,
      base: bytes(base), .f32)
    #expect(found.differing == 2)
    #expect(found.maximumUlp == .max)
    #expect(found.maximumTermUlp == .infinity)
    #expect(found.share == 1)
    #expect(found.relativeError == 0)
  }

  @Test func `blocks add up to the whole`() {
    let count = 10_007
    let expected = (0..<count).map { Float($0 % 977) * 0.37 }
    var actual = expected
    for index in stride(from: 3, to: count, by: 1000) { actual[index] += 0.01 }
    let whole = distance(bytes(expected), bytes(actual), .f32)
    #expect(whole.differing == 11)
    var sum = ResultDistance()
    for range in [0..<4096, 4096..<8192, 8192..<count] {
      sum.combine(distance(bytes(Array(expected[range])), bytes(Array(actual[range])), .f32))
    }
    #expect(sum == whole)
  }
}
