internal import CKernels

/// How far results are from the expected ones, in units in the last place (ulp).
///
/// Both are changes of a base: of W, the expected W' = round(W + ΔW) and the actual
/// one. An element whose terms nearly cancel has a tiny unit of its own, in which any
/// other order of roundings is far away; so there is a second distance, in units of
/// the largest of |W'|, |W| and the root mean square of the ΔW around it.
public struct ResultDistance: Sendable, Equatable {
  /// The elements whose bits differ; two NaN never do.
  public private(set) var differing = 0
  /// The greatest distance in units in the last place, both zeros being one value.
  /// `Int.max` where one of two is NaN.
  public private(set) var maximumUlp = 0
  /// The greatest distance in units in the last place of the terms; infinite where
  /// one of two is NaN or infinite.
  public private(set) var maximumTermUlp = 0.0
  /// Whether one of two elements is NaN.
  public var hasNaN: Bool { maximumUlp == .max }
  private var expectedSquares = 0.0
  private var actualSquares = 0.0
  private var products = 0.0
  private var errorSquares = 0.0

  public init() {}

  /// How often the actual change holds the expected one: ⟨actual, expected⟩ /
  /// ‖expected‖². 1 for the same change, 0 for none, 2 for twice the change; nil where
  /// none is expected.
  public var share: Double? {
    let share = products / expectedSquares
    return share.isFinite ? share : nil
  }

  /// The cosine of the angle between both changes; nil where one is zero.
  public var cosine: Double? {
    let cosine = products / expectedSquares.squareRoot() / actualSquares.squareRoot()
    return cosine.isFinite ? min(1, max(-1, cosine)) : nil
  }

  /// ‖actual − expected‖ / ‖expected‖ of the changes; nil where none is expected.
  public var relativeError: Double? {
    let ratio = errorSquares.squareRoot() / expectedSquares.squareRoot()
    return ratio.isFinite ? ratio : nil
  }

  /// Whether there are distances between values of this type.
  public static func isPossible(_ type: ElementType) -> Bool { Conversion.isConvertible(type) }

  /// Compares elements that follow those already compared; all three hold as many.
  ///
  /// Where `baseType` is nil there is no base, whatever its bytes: no changes are
  /// summed, and the second distance is in units of the expected value.
  public mutating func add(
    expected: RawSpan, actual: RawSpan, of type: ElementType, base: RawSpan,
    of baseType: ElementType?
  ) {
    guard let width = type.byteWidth else { preconditionFailure("\(type.name) has no distance") }
    precondition(expected.byteCount == actual.byteCount, "\(expected.byteCount) bytes")
    let total = actual.byteCount / width
    let baseWidth = baseType?.byteWidth ?? 0
    let block = Int(kernel_distance_block)
    for start in stride(from: 0, to: total, by: block) {
      let end = min(start + block, total)
      let part = start * width..<end * width
      compare(
        expected.extracting(part), actual.extracting(part), of: type,
        base: base.extracting(start * baseWidth..<end * baseWidth), of: baseType,
        count: end - start)
    }
  }

  private mutating func compare(
    _ expected: RawSpan, _ actual: RawSpan, of type: ElementType, base: RawSpan,
    of baseType: ElementType?, count: Int
  ) {
    let code = floatKernel(type, elements: count, bytes: expected.byteCount)
    let baseCode = baseType.map { floatKernel($0, elements: count, bytes: base.byteCount) }
    // The kernel reads `count` elements of each, which were just checked.
    let found = unsafe expected.withUnsafeBytes { expected in
      unsafe actual.withUnsafeBytes { actual in
        unsafe base.withUnsafeBytes { base in
          unsafe kernel_distance(
            code, expected.baseAddress, actual.baseAddress, baseCode ?? 0,
            baseCode == nil ? nil : base.baseAddress, count)
        }
      }
    }
    combine(Self(found))
  }

  /// Takes the distance of elements that follow.
  public mutating func combine(_ next: Self) {
    differing += next.differing
    maximumUlp = max(maximumUlp, next.maximumUlp)
    maximumTermUlp = max(maximumTermUlp, next.maximumTermUlp)
    expectedSquares += next.expectedSquares
    actualSquares += next.actualSquares
    products += next.products
    errorSquares += next.errorSquares
  }

  private init(_ block: kernel_distances) {
    differing = Int(block.differing)
    maximumUlp = Int(clamping: block.max_ulp)
    maximumTermUlp = block.max_term_ulp
    expectedSquares = block.expected_squares
    actualSquares = block.actual_squares
    products = block.products
    errorSquares = block.error_squares
  }
}
