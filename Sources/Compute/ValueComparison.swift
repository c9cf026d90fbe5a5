internal import CKernels

/// How much two values may differ and still count as the same:
/// |a − b| ≤ absolute + relative · max(|a|, |b|).
///
/// Neither side is the true one, so that the answer does not depend on which
/// stands first.
public struct Tolerance: Sendable, Hashable {
  public var absolute: Double
  public var relative: Double

  public init(absolute: Double = 0, relative: Double = 0) {
    self.absolute = absolute
    self.relative = relative
  }

  /// No difference at all.
  public static let exact = Tolerance()
}

/// How the values of two tensors differ, in float64.
///
/// Every value of a type of up to 64 bits is taken exactly, 64-bit integers against
/// another type too. +0 and −0 are the same value. NaN is
/// the same as a NaN with the same bits, or in another type as any NaN. The sums
/// and maxima are over the pairs of which both are finite; cut two tensors into
/// the same blocks and combine them in order to get the same last digits again.
public struct ValueComparison: Sendable, Equatable {
  /// How many pairs were compared.
  public private(set) var count = 0
  /// How many of them differ by more than the tolerance.
  public private(set) var differing = 0
  /// How many of these have a NaN or an infinity on one side alone, or on both
  /// but not the same.
  public private(set) var incomparable = 0
  /// The greatest |a − b|.
  public private(set) var maximumAbsolute = 0.0
  /// The greatest |a − b| / max(|a|, |b|).
  public private(set) var maximumRelative = 0.0
  private var aSquares = 0.0
  private var bSquares = 0.0
  private var products = 0.0
  private var differenceSquares = 0.0

  public init() {}

  /// The cosine of the angle between the two as vectors; nil where one is zero.
  public var cosine: Double? {
    // Two roots: the product of the squares could overflow.
    let cosine = products / aSquares.squareRoot() / bSquares.squareRoot()
    return cosine.isFinite ? min(1, max(-1, cosine)) : nil
  }

  /// ‖a − b‖ / ‖a‖, or nil where `a` is zero.
  public var relativeNorm: Double? {
    let ratio = differenceSquares.squareRoot() / aSquares.squareRoot()
    return ratio.isFinite ? ratio : nil
  }

  /// Whether values of these types can be compared as numbers.
  public static func isPossible(_ a: ElementType, _ b: ElementType) -> Bool {
    a.kernel != nil && b.kernel != nil
  }

  /// Compares values that follow those already compared; both hold as many.
  public mutating func add(
    _ a: RawSpan, of aType: ElementType, _ b: RawSpan, of bType: ElementType,
    tolerance: Tolerance = .exact
  ) {
    guard let aCode = aType.kernel, let bCode = bType.kernel, let aWidth = aType.byteWidth,
      let bWidth = bType.byteWidth
    else { preconditionFailure("\(aType.name) and \(bType.name) cannot be compared") }
    let total = a.byteCount / aWidth
    precondition(
      total * aWidth == a.byteCount && total * bWidth == b.byteCount,
      "\(a.byteCount) bytes of \(aType.name) and \(b.byteCount) of \(bType.name)")
    let block = Int(kernel_comparison_block)
    var start = 0
    while start < total {
      let length = min(block, total - start)
      let aBlock = a.extracting(start * aWidth..<(start + length) * aWidth)
      let bBlock = b.extracting(start * bWidth..<(start + length) * bWidth)
      // The kernel reads `length` elements of each, which is what they hold.
      let found = unsafe aBlock.withUnsafeBytes { a in
        unsafe bBlock.withUnsafeBytes { b in
          unsafe kernel_compare(
            aCode, a.baseAddress, bCode, b.baseAddress, length, tolerance.absolute,
            tolerance.relative)
        }
      }
      combine(Self(found, count: length))
      start += length
    }
  }

  /// Takes the comparison of values that follow those already compared.
  public mutating func combine(_ next: Self) {
    count += next.count
    differing += next.differing
    incomparable += next.incomparable
    maximumAbsolute = max(maximumAbsolute, next.maximumAbsolute)
    maximumRelative = max(maximumRelative, next.maximumRelative)
    aSquares += next.aSquares
    bSquares += next.bSquares
    products += next.products
    differenceSquares += next.differenceSquares
  }

  private init(_ block: kernel_comparison, count: Int) {
    self.count = count
    differing = Int(block.differing)
    incomparable = Int(block.incomparable)
    maximumAbsolute = block.max_abs
    maximumRelative = block.max_rel
    aSquares = block.a_squares
    bSquares = block.b_squares
    products = block.products
    differenceSquares = block.difference_squares
  }
}
