internal import CKernels

/// Minimum, maximum, mean and deviation of values, and counts of special ones.
///
/// Everything but the counts is over the finite values, as float64. Values are
/// taken in blocks of 4096, each in two passes (the mean, then the squared
/// deviations from it), and the blocks are combined in order. So the digits do
/// not depend on how the values were handed over, if all but the last call
/// hand over a multiple of `blockLength`.
public struct ValueStatistics: Sendable, Equatable {
  /// The number of elements that are taken together.
  public static let blockLength = Int(kernel_statistics_block)

  /// How many values are finite.
  public private(set) var finite = 0
  public private(set) var nan = 0
  public private(set) var infinite = 0
  /// How many values are zero of either sign.
  public private(set) var zeros = 0
  /// The mean; 0 where no value is finite.
  public private(set) var mean = 0.0
  private var least = Double.infinity
  private var greatest = -Double.infinity
  private var squaredDeviations = 0.0

  public init() {}

  /// The least finite value.
  public var minimum: Double? { finite > 0 ? least : nil }
  /// The greatest finite value.
  public var maximum: Double? { finite > 0 ? greatest : nil }
  /// The sum of the finite values.
  public var sum: Double { mean * Double(finite) }
  /// The sum of the squares of the finite values.
  public var sumOfSquares: Double { squaredDeviations + mean * mean * Double(finite) }
  /// The standard deviation of the finite values as a whole population.
  public var standardDeviation: Double? {
    finite > 0 ? (squaredDeviations / Double(finite)).squareRoot() : nil
  }

  /// Whether the values of `type` can be taken: booleans, whole numbers of up
  /// to 64 bits, and the float types of `Conversion`.
  public static func isNumeric(_ type: ElementType) -> Bool { type.kernel != nil }

  /// Takes the values of `bytes`, which follow those already taken.
  public mutating func add(_ bytes: RawSpan, of type: ElementType) {
    guard let code = type.kernel, let width = type.byteWidth else {
      preconditionFailure("\(type.name) has no statistics")
    }
    let count = bytes.byteCount / width
    precondition(count * width == bytes.byteCount, "\(bytes.byteCount) bytes of \(type.name)")
    var start = 0
    while start < count {
      let length = min(Self.blockLength, count - start)
      let block = bytes.extracting(start * width..<(start + length) * width)
      // The kernel reads `length` elements, which is what the block holds.
      let found = unsafe block.withUnsafeBytes {
        unsafe kernel_statistics(code, $0.baseAddress, length)
      }
      combine(Self(found))
      start += length
    }
  }

  /// Takes the statistics of values that follow those already taken.
  public mutating func combine(_ next: Self) {
    nan += next.nan
    infinite += next.infinite
    zeros += next.zeros
    least = min(least, next.least)
    greatest = max(greatest, next.greatest)
    guard next.finite > 0 else { return }
    // The update of Chan, Golub and LeVeque, which does not cancel.
    let total = Double(finite + next.finite)
    let distance = next.mean - mean
    let weight = Double(next.finite) / total
    squaredDeviations += next.squaredDeviations + distance * distance * Double(finite) * weight
    mean += distance * weight
    finite += next.finite
  }

  private init(_ block: kernel_block_statistics) {
    finite = Int(block.finite)
    nan = Int(block.nan)
    infinite = Int(block.infinite)
    zeros = Int(block.zeros)
    mean = block.mean
    least = block.minimum
    greatest = block.maximum
    squaredDeviations = block.squared_deviations
  }
}
