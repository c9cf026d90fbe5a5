import Compute
import Formats

/// The memory of one worker that verifies.
struct VerificationScratch: ~Copyable {
  var worker: WorkerScratch
  var merged: AlignedBuffer
  var base: AlignedBuffer
  /// The base in the type of the merged model.
  var converted: AlignedBuffer

  init(_ sizes: Sizes) {
    worker = WorkerScratch(sizes.worker)
    merged = AlignedBuffer(byteCount: sizes.merged)
    base = AlignedBuffer(byteCount: sizes.base)
    converted = AlignedBuffer(byteCount: sizes.converted)
  }

  /// The sizes, in bytes.
  struct Sizes: Sendable, Hashable {
    var worker = WorkerScratch.Sizes()
    var merged = 0
    var base = 0
    var converted = 0

    var byteCount: Int { worker.byteCount + merged + base + converted }

    /// Grows to what one block of `tensor` needs.
    mutating func include(_ tensor: VerifiedTensor, blocks: BlockSize) {
      worker.include(tensor.expected, blocks: blocks)
      let cut = BlockCut(tensor.expected, blocks: blocks)
      let bytes = cut.bytes(of: 0..<min(cut.blockLength, cut.unitCount)).count
      merged = max(merged, bytes)
      guard let type = tensor.base?.type, type.bitWidth % 8 == 0 else { return }
      let count = bytes / max(1, tensor.merged.type.bitWidth / 8)
      base = max(base, count * (type.bitWidth / 8))
      if type != tensor.merged.type { converted = max(converted, bytes) }
    }
  }

  /// Where what a tensor has to be lies.
  enum Place { case input, output }

  /// Whether the first bytes of the merged tensor are the expected ones.
  func isExpected(_ count: Int, in place: Place) -> Bool {
    merged.withPrefix(count) { merged in
      switch place {
      case .input: worker.input.withPrefix(count) { ByteComparison.isEqual(merged, $0) }
      case .output: worker.output.withPrefix(count) { ByteComparison.isEqual(merged, $0) }
      }
    }
  }

  /// Whether the first elements of the merged tensor are those of the base, rounded to
  /// its type.
  mutating func isBase(_ count: Int, of from: ElementType, as to: ElementType) -> Bool {
    let (fromCount, toCount) = (count * (from.byteWidth ?? 0), count * (to.byteWidth ?? 0))
    guard from != to else {
      return merged.withPrefix(toCount) { merged in
        base.withPrefix(toCount) { ByteComparison.isEqual(merged, $0) }
      }
    }
    base.withPrefix(fromCount) { base in
      converted.withMutablePrefix(toCount) {
        Conversion.convert(base, from: from, into: &$0, to: to)
      }
    }
    return merged.withPrefix(toCount) { merged in
      converted.withPrefix(toCount) { ByteComparison.isEqual(merged, $0) }
    }
  }

  /// How far the first elements of the merged tensor are from the expected ones.
  func distance(_ count: Int, of type: ElementType, in place: Place, base baseType: ElementType?)
    -> ResultDistance
  {
    let byteCount = count * (type.byteWidth ?? 0)
    return base.withPrefix(count * (baseType?.byteWidth ?? 0)) { base in
      merged.withPrefix(byteCount) { merged in
        var distance = ResultDistance()
        switch place {
        case .input:
          worker.input.withPrefix(byteCount) {
            distance.add(expected: $0, actual: merged, of: type, base: base, of: baseType)
          }
        case .output:
          worker.output.withPrefix(byteCount) {
            distance.add(expected: $0, actual: merged, of: type, base: base, of: baseType)
          }
        }
        return distance
      }
    }
  }

  /// How many of the first elements are not what they have to be, whatever their bits
  /// mean.
  func differingElements(_ byteCount: Int, bitWidth: Int) -> Int {
    merged.withPrefix(byteCount) { merged in
      worker.input.withPrefix(byteCount) {
        ValuePair.differingElements(
          merged, $0, bitWidth: bitWidth, byteCount * 8 / max(1, bitWidth))
      }
    }
  }
}

/// How one tensor is cut into blocks.
struct BlockCut: Sendable {
  let unitCount: Int
  let blockLength: Int
  /// The bytes of one unit in the output.
  private let unitByteCount: Int

  init(_ tensor: PlannedTensor, blocks: BlockSize) {
    let width = max(1, tensor.type.bitWidth / 8)
    switch tensor.operation {
    case .copy:
      unitCount = tensor.byteCount
      blockLength = blocks.copyByteCount
      unitByteCount = 1
    case .cast(let record):
      unitCount = record.elementCount
      blockLength = max(1, blocks.copyByteCount / 8)
      unitByteCount = width
    case .update(let update):
      unitCount = update.rowCount
      blockLength = blocks.rows(ofColumns: update.columnCount) * blocks.productsPerBlock
      unitByteCount = update.columnCount * width
    }
  }

  /// The bytes of the output that some units are.
  func bytes(of range: Range<Int>) -> Range<Int> {
    range.lowerBound * unitByteCount..<range.upperBound * unitByteCount
  }
}
