import Testing

@testable import Compute

@Suite struct ValueStatisticsTests {
  static func of(_ bytes: [UInt8], _ type: ElementType) -> ValueStatistics {
    var statistics = ValueStatistics()
    unsafe statistics.add(bytes.span.bytes, of: type)
    return statistics
  }

  @Test func `finite values alone make the numbers`() throws {
    let values: [Float] = [1, -0.0, .nan, 3, .infinity, 0, -.infinity, -8, .nan, 4, 0]
    let found = Self.of(narrow(values, .f16), .f16)
    #expect((found.finite, found.nan, found.infinite, found.zeros) == (7, 2, 2, 3))
    #expect(found.minimum == -8)
    #expect(found.maximum == 4)
    #expect(found.sum == 0)
    #expect(abs(found.sumOfSquares - 90) < 1e-12)
    #expect(abs(try #require(found.standardDeviation) - (90.0 / 7).squareRoot()) < 1e-12)
  }

  @Test func `no finite value, no numbers`() {
    for values in [[], [.nan, .infinity]] as [[Float]] {
      let found = Self.of(narrow(values, .f32), .f32)
      #expect(found.minimum == nil)
      #expect(found.maximum == nil)
      #expect(found.standardDeviation == nil)
      #expect(found.nan + found.infinite == values.count)
    }
  }

  @Test func `a large mean does not drown a small deviation`() throws {
    let values = (0..<10_000).map { 1e9 + Double($0 % 2) }
    let found = Self.of(littleEndian(values.map(\.bitPattern)), .f64)
    #expect(try #require(found.standardDeviation) == 0.5)
    #expect(found.mean == 1e9 + 0.5)
  }

  @Test func `handing over in multiples of a block does not change a digit`() {
    let bytes = narrow(factor(20_000, seed: 14), .f32)
    let whole = Self.of(bytes, .f32)
    for blocks in 1...3 {
      var parts = ValueStatistics()
      let step = blocks * ValueStatistics.blockLength * 4
      for start in stride(from: 0, to: bytes.count, by: step) {
        let part = unsafe bytes.span.bytes.extracting(start..<min(start + step, bytes.count))
        parts.add(part, of: .f32)
      }
      #expect(parts == whole)
    }
  }

  @Test(
    arguments: [
      (ElementType.bool, [0, 1, 1], 0.0, 1.0), (.u8, [255, 0], 0, 255),
      (.i8, [0x80, 0x7F], -128, 127),
      (.u16, [0xFF, 0xFF, 1, 0], 1, 65535), (.i16, [0xFF, 0xFF, 1, 0], -1, 1),
      (.u32, [0xFF, 0xFF, 0xFF, 0xFF], 4_294_967_295, 4_294_967_295),
      (.i32, [0xFF, 0xFF, 0xFF, 0xFF], -1, -1),
      (.u64, [0, 0, 0, 0, 0, 0, 0, 0x80], 0x1p63, 0x1p63),
      (.i64, [0, 0, 0, 0, 0, 0, 0, 0x80], -0x1p63, -0x1p63), (.f8e4m3, [0x7E, 0x7F], 448, 448),
      (.f8e5m2, [0xFB, 0x7C], -57344, -57344),
    ] as [(ElementType, [UInt8], Double, Double)])
  func `takes every numeric type`(
    _ type: ElementType, _ bytes: [UInt8], _ minimum: Double, _ maximum: Double
  ) {
    let found = Self.of(bytes, type)
    #expect(found.minimum == minimum)
    #expect(found.maximum == maximum)
  }

  @Test func `complex and sub-byte types are left out`() {
    let left = ElementType.allCases.filter { !ValueStatistics.isNumeric($0) }
    #expect(left == [.f4, .f6e2m3, .f6e3m2, .c64])
  }
}
