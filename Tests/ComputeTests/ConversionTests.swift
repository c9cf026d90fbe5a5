import Testing

@testable import Compute

@Suite struct ConversionTests {
  @Test(arguments: ElementType.eightBitFloats)
  func `widens every code of an 8-bit type as torch does`(_ type: ElementType) {
    #expect(widen(Array(0...255), type) == Tables.widened(type))
  }

  @Test(arguments: [ElementType.f16, .bf16])
  func `widens every code of a 16-bit type as torch does`(_ type: ElementType) {
    let values = widen(littleEndian(Array(UInt16.min...UInt16.max)), type)
    #expect(Tables.digest(values) == Tables.digests["widen \(type.name)"])
  }

  @Test(arguments: ElementType.floats.filter { $0.bitWidth <= 16 })
  func `narrows three million patterns around every boundary as torch does`(_ type: ElementType) {
    var floats: [Float] = []
    floats.reserveCapacity(3 << 20)
    for upper in 0..<UInt32(1 << 20) {
      for low in [0, 1, 0xFFF] as [UInt32] { floats.append(Float(bitPattern: upper << 12 | low)) }
    }
    let values = widen(narrow(floats, type), type)
    #expect(Tables.digest(values) == Tables.digests["narrow \(type.name)"])
  }

  struct Case: CustomTestStringConvertible {
    let type: ElementType
    let value: Float
    let code: UInt16
    var testDescription: String { "\(value) in \(type.name)" }

    init(_ type: ElementType, _ value: Float, _ code: UInt16) {
      (self.type, self.value, self.code) = (type, value, code)
    }
  }

  static let cases: [Case] = [
    Case(.f16, 65519, 0x7BFF), Case(.f16, 65520, 0x7C00), Case(.f16, -.infinity, 0xFC00),
    Case(.f16, 0x1p-24, 1), Case(.f16, 0x1p-25, 0), Case(.f16, 0x1.000002p-25, 1),
    Case(.f16, 0x3p-25, 2), Case(.f16, -0.0, 0x8000), Case(.f16, .nan, 0x7E00),
    Case(.bf16, 0x1.01p0, 0x3F80), Case(.bf16, 0x1.03p0, 0x3F82),
    Case(.bf16, .greatestFiniteMagnitude, 0x7F80), Case(.bf16, 0x1p-133, 1),
    Case(.bf16, 0x1p-134, 0), Case(.bf16, .nan, 0x7FC0),
    Case(.bf16, Float(bitPattern: 0x7F80_0001), 0x7FC0),
    Case(.f8e4m3, 448, 0x7E), Case(.f8e4m3, 464, 0x7E), Case(.f8e4m3, 480, 0x7E),
    Case(.f8e4m3, -.infinity, 0xFE), Case(.f8e4m3, .nan, 0x7F), Case(.f8e4m3, 0x1p-9, 1),
    Case(.f8e4m3, 0x1p-10, 0),
    Case(.f8e5m2, 57344, 0x7B), Case(.f8e5m2, 61439, 0x7B), Case(.f8e5m2, 61440, 0x7C),
    Case(.f8e5m2, 0x1p-16, 1), Case(.f8e5m2, .nan, 0x7E),
    Case(.f8e4m3fnuz, 240, 0x7F), Case(.f8e4m3fnuz, 248, 0x80), Case(.f8e4m3fnuz, -0.0, 0),
    Case(.f8e4m3fnuz, -0x1p-11, 0), Case(.f8e4m3fnuz, -.infinity, 0x80),
    Case(.f8e5m2fnuz, 57344, 0x7F), Case(.f8e5m2fnuz, 61440, 0x80),
    Case(.f8e5m2fnuz, .nan, 0x80),
    Case(.f8e8m0, 0, 0), Case(.f8e8m0, -1, 127), Case(.f8e8m0, 1.5, 128),
    Case(.f8e8m0, 1.4999999, 127), Case(.f8e8m0, 0x1.8p-127, 1), Case(.f8e8m0, 0x1p-127, 0),
    Case(.f8e8m0, 0x1.0001p-127, 1),
    Case(.f8e8m0, 0x1.8p127, 255), Case(.f8e8m0, .infinity, 255),
  ]

  @Test(arguments: cases)
  func `narrows a boundary value to this code`(_ row: Case) {
    let codes = narrow([row.value], row.type)
    #expect(codes == Array(littleEndian([row.code]).prefix(codes.count)))
  }

  @Test(arguments: ElementType.floats, ElementType.floats)
  func `a narrow value survives a detour through a wider type`(
    _ narrow: ElementType, _ wide: ElementType
  ) {
    let holds: [ElementType: [ElementType]] = [
      .f64: ElementType.floats, .f32: ElementType.floats.filter { $0 != .f64 },
      .bf16: ElementType.eightBitFloats + [.bf16], .f16: [.f8e5m2, .f8e4m3, .f8e4m3fnuz, .f16],
    ]
    guard holds[wide]?.contains(narrow) == true, let width = narrow.byteWidth else { return }
    // 256 codes are all there are of 8 bits; of the others they are a sample.
    let codes = (0..<256).flatMap { code in
      (0..<width).map { UInt8(truncatingIfNeeded: $0 == width - 1 ? code : code * 37 + $0) }
    }
    let back = convert(convert(codes, narrow, wide), wide, narrow)
    #expect(widen(back, narrow) == widen(codes, narrow))
  }

  @Test(arguments: [ElementType.f16, .bf16])
  func `rounds a float64 once on either side of every midpoint`(_ type: ElementType) {
    let codes = Array(UInt16.min...0x7FFF)
    let values = widen(littleEndian(codes), type).map { Double(Float(bitPattern: $0)) }
    var inputs: [Double] = []
    var expected: [UInt16] = []
    for code in codes.dropLast() {
      let (low, high) = (values[Int(code)], values[Int(code) + 1])
      guard high.isFinite else { break }
      // Exact, and so near to the midpoint that float32 cannot tell.
      let middle = (low + high) / 2
      inputs += [middle.nextDown, middle, middle.nextUp, -middle.nextUp]
      expected += [code, code + code % 2, code + 1, 0x8000 | (code + 1)]
    }
    let found = integers(
      convert(littleEndian(inputs.map(\.bitPattern)), .f64, type), as: UInt16.self)
    #expect(found.count > 120_000)
    #expect(found == expected)
  }

  @Test func `float64 to float32 and beyond its range`() {
    let inputs: [Double] = [1e300, -1e300, 1e-300, 0x1p-149, 0x1p-150, .infinity, .nan, 0.1]
    let expected: [Float] = [.infinity, -.infinity, 0, 0x1p-149, 0, .infinity, .nan, 0.1]
    let bytes = littleEndian(inputs.map(\.bitPattern))
    let found = integers(convert(bytes, .f64, .f32), as: UInt32.self)
    #expect(found.map { Float(bitPattern: $0).isNaN } == expected.map(\.isNaN))
    #expect(zip(found, expected).allSatisfy { $0 == $1.bitPattern || $1.isNaN })
    #expect(widen(convert(bytes, .f64, .f16), .f16).prefix(2) == [0x7F80_0000, 0xFF80_0000])
    #expect(convert(bytes, .f64, .f8e4m3).prefix(3) == [0x7E, 0xFE, 0])
  }

  @Test(arguments: ElementType.floats)
  func `takes any alignment and length and leaves the rest alone`(_ type: ElementType) {
    guard let width = type.byteWidth else { return }
    let floats = factor(40, seed: 1)
    let codes = narrow(floats, type)
    for count in 0...40 {
      for shift in [0, 1, 3] {
        var room = [UInt8](repeating: 0xA5, count: shift + count * width + 5)
        unsafe room.withUnsafeMutableBytes { room in
          let slice = unsafe UnsafeMutableRawBufferPointer(
            rebasing: room[shift..<shift + count * width])
          var part = unsafe MutableRawSpan(_unsafeBytes: slice)
          Conversion.narrow(floats.span.extracting(first: count), to: type, into: &part)
        }
        #expect(Array(room[shift..<shift + count * width]) == Array(codes.prefix(count * width)))
        #expect(room.prefix(shift).allSatisfy { $0 == 0xA5 })
        #expect(room.suffix(5) == [0xA5, 0xA5, 0xA5, 0xA5, 0xA5])
        var back = [Float](repeating: 0, count: count)
        var span = back.mutableSpan
        unsafe Conversion.widen(
          room.span.bytes.extracting(shift..<shift + count * width), of: type, into: &span)
        #expect(back.map(\.bitPattern) == widen(Array(codes.prefix(count * width)), type))
      }
    }
  }

  @Test func `knows what it can convert`() {
    #expect(
      ElementType.floats.map(\.name) == [
        "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "F16", "BF16", "F32", "F64",
      ])
  }
}
