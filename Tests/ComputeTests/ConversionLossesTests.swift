import Compute
import Testing

struct ConversionLossesTests {
  struct Case: CustomTestStringConvertible {
    let from: ElementType
    let to: ElementType
    let values: [Double]
    let losses: ConversionLosses
    var testDescription: String { "\(from.name) to \(to.name): \(values)" }

    init(
      _ from: ElementType, _ to: ElementType, _ values: [Double], overflow: Int = 0,
      underflow: Int = 0, changed: Int = 0
    ) {
      self.from = from
      self.to = to
      self.values = values
      losses = ConversionLosses(overflow: overflow, underflow: underflow, changed: changed)
    }
  }

  static let cases = [
    Case(.f32, .bf16, [1, -2, 0.5, 0, -0.0, .infinity, -.infinity, .nan]),
    Case(.f32, .bf16, [1.001, -1.001, 3.4e38], overflow: 1, changed: 3),
    Case(.f32, .bf16, [1e-45, -1e-45, 1e-40], underflow: 2, changed: 3),
    Case(.f32, .f16, [65504, 65519, 65520, -1e9], overflow: 2, changed: 3),
    Case(.f32, .f16, [1e-8, -1e-8, 6e-8, 0], underflow: 2, changed: 3),
    // The largest value is 448; what lies beyond halfway to the next is cut.
    Case(.f32, .f8e4m3, [448, 464, 465, -1000], overflow: 2, changed: 3),
    Case(.f32, .f8e4m3, [.infinity, .nan], changed: 1),
    Case(.f32, .f8e5m2, [57344, 61440, .infinity], overflow: 1, changed: 1),
    Case(.f32, .f8e4m3fnuz, [240, 1000, -0.0, .infinity], overflow: 1, changed: 2),
    Case(.f32, .f8e5m2fnuz, [57344, 1e6], overflow: 1, changed: 1),
    Case(.f32, .f8e8m0, [1, 4, -4, 3, 0], changed: 3),
    Case(.f16, .bf16, [1, 1.0009765625, 65504], changed: 2),
    Case(.bf16, .f16, [1, 1e30, 1e-30], overflow: 1, underflow: 1, changed: 2),
    Case(.bf16, .f32, [1, 1e30, 1e-30, .nan]),
    Case(.f64, .f32, [1, 0.1, 1e300, 1e-300], overflow: 1, underflow: 1, changed: 3),
    Case(.f64, .f8e4m3, [448, 1e300, 1e-300, 1.5], overflow: 1, underflow: 1, changed: 2),
    Case(.f64, .bf16, [0.5, .infinity, .nan, 1.0000001], changed: 1),
    Case(.f32, .f64, [0.1, 1e-45]),
    Case(.f32, .f32, [0.1, .infinity]),
  ]

  @Test(arguments: cases) func `what a type cannot hold is counted`(_ row: Case) {
    // Also behind the blocks and vectors that the kernel works in.
    for padding in [0, 5, 2048] {
      let source = Self.encode(
        [Double](repeating: 1, count: padding) + row.values, as: row.from)
      var plain = [UInt8](repeating: 0, count: (padding + row.values.count) * (row.to.bitWidth / 8))
      var counted = plain
      var losses = ConversionLosses()
      var plainSpan = plain.mutableSpan
      var countedSpan = counted.mutableSpan
      var plainBytes = unsafe plainSpan.mutableBytes
      var countedBytes = unsafe countedSpan.mutableBytes
      Conversion.convert(unsafe source.span.bytes, from: row.from, into: &plainBytes, to: row.to)
      Conversion.convert(
        unsafe source.span.bytes, from: row.from, into: &countedBytes, to: row.to, losses: &losses)
      #expect(losses == row.losses)
      #expect(counted == plain)
    }
  }

  @Test func `the counts of blocks add up`() {
    var losses = ConversionLosses(overflow: 1, underflow: 2, changed: 3)
    losses.combine(ConversionLosses(overflow: 10, underflow: 20, changed: 30))
    #expect(losses == ConversionLosses(overflow: 11, underflow: 22, changed: 33))
  }

  /// The bytes of values that the type holds as they are.
  private static func encode(_ values: [Double], as type: ElementType) -> [UInt8] {
    let doubles = values.flatMap { value in
      (0..<8).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) }
    }
    var bytes = [UInt8](repeating: 0, count: values.count * (type.bitWidth / 8))
    var span = bytes.mutableSpan
    var raw = unsafe span.mutableBytes
    Conversion.convert(unsafe doubles.span.bytes, from: .f64, into: &raw, to: type)
    return bytes
  }
}
