import Compute
import Testing

@Suite struct ValueComparisonTests {
  private func bytes<Value: BitwiseCopyable>(_ values: [Value]) -> [UInt8] {
    unsafe values.withUnsafeBytes { unsafe Array($0) }
  }

  private func compare(
    _ a: [UInt8], _ aType: ElementType, _ b: [UInt8], _ bType: ElementType,
    tolerance: Tolerance = .exact
  ) -> ValueComparison {
    var comparison = ValueComparison()
    unsafe comparison.add(
      a.span.bytes, of: aType, b.span.bytes, of: bType, tolerance: tolerance)
    return comparison
  }

  @Test func `measures what differs`() {
    let comparison = compare(
      bytes([1, 2, 3, -4] as [Float]), .f32, bytes([1, 2.5, 3, -3] as [Float]), .f32)
    #expect(comparison.count == 4)
    #expect(comparison.differing == 2)
    #expect(comparison.maximumAbsolute == 1)
    #expect(comparison.maximumRelative == 0.25)
    #expect(comparison.relativeNorm == (1.25 / 30).squareRoot())
    let products = 1.0 + 5 + 9 + 12
    let cosine = products / (30.0).squareRoot() / (1 + 6.25 + 9 + 9.0).squareRoot()
    #expect(comparison.cosine == cosine)
  }

  struct PairCase: CustomTestStringConvertible {
    let a: UInt32
    let b: UInt32
    let differs: Bool
    var testDescription: String { "\(String(a, radix: 16)) and \(String(b, radix: 16))" }
  }

  static let pairs = [
    PairCase(a: 0, b: 0x8000_0000, differs: false),
    PairCase(a: 0x7F80_0000, b: 0x7F80_0000, differs: false),
    PairCase(a: 0x7F80_0000, b: 0xFF80_0000, differs: true),
    PairCase(a: 0x7F80_0000, b: 0x7F7F_FFFF, differs: true),
    PairCase(a: 0x7FC0_0000, b: 0x7FC0_0000, differs: false),
    PairCase(a: 0x7FC0_0000, b: 0x7FC0_0001, differs: true),
    PairCase(a: 0x7FA0_0000, b: 0x7FE0_0000, differs: true),
    PairCase(a: 0x7FC0_0000, b: 0x7F80_0000, differs: true),
    PairCase(a: 0x7FC0_0000, b: 0, differs: true),
    // The smallest subnormal and nothing.
    PairCase(a: 1, b: 0, differs: true),
  ]

  @Test(arguments: pairs)
  func `tells which values are the same`(row: PairCase) {
    for (a, b) in [(row.a, row.b), (row.b, row.a)] {
      let comparison = compare(bytes([a]), .f32, bytes([b]), .f32)
      #expect(comparison.differing == (row.differs ? 1 : 0))
    }
  }

  @Test func `finds a type and its wider one the same`() {
    for code in 0...UInt16.max {
      let wide = UInt32(code) << 16
      let comparison = compare(bytes([code]), .bf16, bytes([wide]), .f32)
      guard comparison.differing == 0 else {
        Issue.record("the BF16 \(code) is not found equal to its float32")
        return
      }
    }
  }

  @Test func `tells large integers from the float64 that they would be rounded to`() {
    let large: Int64 = 1 << 53 + 1
    #expect(compare(bytes([large]), .i64, bytes([0x1p53]), .f64).differing == 1)
    #expect(compare(bytes([0x1p53]), .f64, bytes([large]), .i64).maximumAbsolute == 1)
    #expect(compare(bytes([large - 1]), .i64, bytes([0x1p53]), .f64).differing == 0)
    #expect(compare(bytes([UInt64.max]), .u64, bytes([0x1p64]), .f64).differing == 1)
    #expect(compare(bytes([UInt64(large)]), .u64, bytes([large]), .i64).differing == 0)
    #expect(compare(bytes([UInt64(large)]), .u64, bytes([large - 1]), .i64).differing == 1)
    #expect(
      compare(bytes([Int64(0)]), .i64, bytes([Double.leastNonzeroMagnitude]), .f64).differing == 1)
    #expect(compare(bytes([large]), .i64, bytes([Double.nan]), .f64).incomparable == 1)
  }

  @Test func `tells large integers apart that are one float64`() {
    let same: [Int64] = [.max, 1 << 60, -5]
    let other: [Int64] = [.max - 1, 1 << 60, -5]
    #expect(compare(bytes(same), .i64, bytes(same), .i64).differing == 0)
    let comparison = compare(bytes(same), .i64, bytes(other), .i64)
    #expect(comparison.differing == 1)
    #expect(comparison.maximumAbsolute == 1)
    #expect(
      compare(bytes([Int64.min]), .i64, bytes([Int64.max]), .i64).maximumAbsolute
        == 18_446_744_073_709_551_616)
  }

  struct ToleranceCase: CustomTestStringConvertible {
    let absolute: Double
    let relative: Double
    let differing: Int
    var testDescription: String { "\(absolute) + \(relative) of the larger" }
  }

  static let tolerances = [
    ToleranceCase(absolute: 0, relative: 0, differing: 3),
    ToleranceCase(absolute: 0.5, relative: 0, differing: 2),
    ToleranceCase(absolute: 0, relative: 0.2, differing: 1),
    ToleranceCase(absolute: 1, relative: 0, differing: 1),
    ToleranceCase(absolute: 0.5, relative: 0.2, differing: 1),
    ToleranceCase(absolute: .infinity, relative: 0, differing: 1),
  ]

  @Test(arguments: tolerances)
  func `allows what the tolerance says`(row: ToleranceCase) {
    let a: [Double] = [1, 4, 10, .infinity]
    let b: [Double] = [1, 5, 10.5, .nan]
    let tolerance = Tolerance(absolute: row.absolute, relative: row.relative)
    let comparison = compare(bytes(a), .f64, bytes(b), .f64, tolerance: tolerance)
    #expect(comparison.differing == row.differing)
    #expect(comparison.incomparable == 1)
    #expect(comparison.maximumAbsolute == 1)
  }

  @Test func `has no cosine where a side is zero`() {
    let comparison = compare(bytes([0, 0] as [Float]), .f32, bytes([1, 2] as [Float]), .f32)
    #expect(comparison.cosine == nil)
    #expect(comparison.relativeNorm == nil)
    #expect(comparison.maximumRelative == 1)
  }

  @Test func `gives the same sums however long the blocks are`() {
    let a = (0..<10_000).map { Float($0 % 97) * 0.37 }
    let b = (0..<10_000).map { Float($0 % 89) * 0.41 }
    let whole = compare(bytes(a), .f32, bytes(b), .f32)
    var parts = ValueComparison()
    for start in stride(from: 0, to: a.count, by: 4096) {
      let end = min(a.count, start + 4096)
      parts.combine(compare(bytes(Array(a[start..<end])), .f32, bytes(Array(b[start..<end])), .f32))
    }
    #expect(whole == parts)
  }

  @Test(arguments: [([1, 2, 3], true), ([1, 2, 4], false)] as [([UInt8], Bool)])
  func `compares bytes`(other: [UInt8], same: Bool) {
    let bytes: [UInt8] = [1, 2, 3]
    let isSame = unsafe ByteComparison.isEqual(bytes.span.bytes, other.span.bytes)
    #expect(isSame == same)
  }

  @Test func `gives bytes that differ in one place other fingerprints`() {
    var bytes = [UInt8](repeating: 7, count: 100)
    var seen: Set<UInt64> = []
    for index in bytes.indices {
      bytes[index] = 8
      unsafe seen.insert(ByteComparison.fingerprint(of: bytes.span.bytes))
      bytes[index] = 7
    }
    unsafe seen.insert(ByteComparison.fingerprint(of: bytes.span.bytes))
    #expect(seen.count == 101)
  }
}
