import Compute
import Formats

/// Two tensors of one shape, ready to be compared block by block.
struct ValuePair: Sendable {
  /// The elements of a block. Whatever the types, blocks hold the same elements,
  /// so that sums over blocks do not depend on who computes them.
  static let blockLength = 1 << 17

  private let a: TensorData
  private let b: TensorData
  private let tolerance: Tolerance
  /// The elements of the tensors.
  let count: Int
  /// The types as numbers, where both are.
  private let types: (a: ElementType, b: ElementType)?

  init(_ a: TensorRecord, _ b: TensorRecord, tolerance: Tolerance) throws(CheckpointError) {
    self.a = try TensorData(a)
    self.b = try TensorData(b)
    self.tolerance = tolerance
    count = a.elementCount
    types = Self.numbers(a.type, b.type)
    guard a.type == b.type || types != nil else {
      throw CheckpointError(
        tensor: a.name, "\(a.type.name) and \(b.type.name) cannot be compared as numbers",
        fix: a.type.assumption ?? b.type.assumption
          ?? "add --keys-only to compare names, types and shapes")
    }
  }

  /// Whether two tensors of other types can be held against each other.
  static func isPossible(_ a: TensorType, _ b: TensorType) -> Bool {
    a == b || numbers(a, b) != nil || a.assumption != nil || b.assumption != nil
  }

  /// How the values are taken as numbers: complex ones as pairs.
  private static func numbers(_ a: TensorType, _ b: TensorType)
    -> (a: ElementType, b: ElementType)?
  {
    guard let a = a.element, let b = b.element else { return nil }
    if a == .c64, b == .c64 { return (.f32, .f32) }
    return ValueComparison.isPossible(a, b) ? (a, b) : nil
  }

  var blockCount: Int { (count + Self.blockLength - 1) / Self.blockLength }

  /// The bytes that a block of the widest type takes.
  static let maximumBlockByteCount = blockLength * 16

  /// The bytes of block `index` in a tensor of `bitWidth`.
  private func range(_ index: Int, bitWidth: Int, byteCount: Int) -> Range<Int> {
    let start = index * Self.blockLength
    let end = min(count, start + Self.blockLength)
    // Blocks begin at whole bytes; the last one may end inside of one.
    let last = end == count ? byteCount : end / 8 * bitWidth + end % 8 * bitWidth / 8
    return start / 8 * bitWidth..<last
  }

  /// The bytes that comparing block `index` reads.
  func byteCount(ofBlock index: Int) -> Int {
    range(index, bitWidth: a.record.type.bitWidth, byteCount: a.byteCount).count
      + range(index, bitWidth: b.record.type.bitWidth, byteCount: b.byteCount).count
  }

  /// Whether block `index` is the same, byte for byte.
  func isSame(block index: Int, _ scratch: inout DifferenceScratch) throws(CheckpointError)
    -> Bool
  {
    try withBlock(index, &scratch) { ByteComparison.isEqual($0, $1) }
  }

  /// How block `index` differs.
  func compare(block index: Int, _ scratch: inout DifferenceScratch) throws(CheckpointError)
    -> ValueDifference
  {
    let types = self.types
    let tolerance = self.tolerance
    let length = min(Self.blockLength, count - index * Self.blockLength)
    let bitWidth = a.record.type.bitWidth
    return try withBlock(index, &scratch) { a, b in
      guard let types else {
        return ValueDifference(
          count: length, differing: Self.differingElements(a, b, bitWidth: bitWidth, length),
          comparison: nil)
      }
      var comparison = ValueComparison()
      comparison.add(a, of: types.a, b, of: types.b, tolerance: tolerance)
      return ValueDifference(
        count: comparison.count, differing: comparison.differing, comparison: comparison)
    }
  }

  private func withBlock<Result>(
    _ index: Int, _ scratch: inout DifferenceScratch, _ body: (RawSpan, RawSpan) -> Result
  ) throws(CheckpointError) -> Result {
    let aRange = range(index, bitWidth: a.record.type.bitWidth, byteCount: a.byteCount)
    let bRange = range(index, bitWidth: b.record.type.bitWidth, byteCount: b.byteCount)
    try scratch.a.withMutablePrefix(aRange.count) { (bytes) throws(CheckpointError) in
      try a.read(into: &bytes, at: aRange.lowerBound)
    }
    try scratch.b.withMutablePrefix(bRange.count) { (bytes) throws(CheckpointError) in
      try b.read(into: &bytes, at: bRange.lowerBound)
    }
    return scratch.a.withPrefix(aRange.count) { a in
      scratch.b.withPrefix(bRange.count) { b in body(a, b) }
    }
  }

  /// How many elements differ in a bit, whatever the bits mean.
  static func differingElements(
    _ a: RawSpan, _ b: RawSpan, bitWidth: Int, _ count: Int
  ) -> Int {
    var differing = 0
    for element in 0..<count {
      for bit in element * bitWidth..<(element + 1) * bitWidth {
        let mask = UInt8(1) << (bit % 8)
        if (a.byte(bit / 8) ^ b.byte(bit / 8)) & mask != 0 {
          differing += 1
          break
        }
      }
    }
    return differing
  }
}

extension RawSpan {
  fileprivate func byte(_ index: Int) -> UInt8 {
    // Bounds-checked; every bit pattern is a byte.
    unsafe unsafeLoad(fromByteOffset: index, as: UInt8.self)
  }
}

/// The memory of one worker.
struct DifferenceScratch: ~Copyable {
  var a = AlignedBuffer(byteCount: ValuePair.maximumBlockByteCount)
  var b = AlignedBuffer(byteCount: ValuePair.maximumBlockByteCount)
}
