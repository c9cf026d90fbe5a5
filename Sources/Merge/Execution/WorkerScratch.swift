import Compute
import Formats

/// The memory of one worker, allocated once for the largest block of a plan.
struct WorkerScratch: ~Copyable {
  /// The sizes, in bytes.
  struct Sizes: Sendable, Hashable {
    var input = 0
    var output = 0
    var product = 0
    /// Only where several adapters meet in one tensor.
    var sum = 0
    /// Values of left factors.
    var leftElements = 0

    var byteCount: Int {
      input + output + product + sum + leftElements * (MemoryLayout<Float>.stride + 8)
    }

    /// Grows to what one block of `tensor` needs.
    mutating func include(_ tensor: PlannedTensor, blocks: BlockSize) {
      let inputWidth = max(1, tensor.source.type.bitWidth / 8)
      let outputWidth = max(1, tensor.type.bitWidth / 8)
      switch tensor.operation {
      case .copy: input = max(input, min(blocks.copyByteCount, tensor.byteCount))
      case .cast(let record):
        let elements = min(blocks.copyByteCount / 8, record.elementCount)
        input = max(input, elements * inputWidth)
        output = max(output, elements * outputWidth)
      case .update(let record, let deltas):
        let rows = min(blocks.rows(ofColumns: record.shape[1]), record.shape[0])
        let count = rows * record.shape[1]
        let block = min(rows * blocks.productsPerBlock, record.shape[0]) * record.shape[1]
        input = max(input, block * max(inputWidth, outputWidth))
        output = max(output, block * max(inputWidth, outputWidth))
        product = max(product, count * MemoryLayout<Float>.stride)
        if deltas.count > 1 { sum = max(sum, count * MemoryLayout<Float>.stride) }
        leftElements = max(leftElements, rows * (deltas.map(\.rank).max() ?? 0))
      }
    }
  }

  var input: AlignedBuffer
  var output: AlignedBuffer
  private var product: AlignedBuffer
  private var sum: AlignedBuffer
  private var left: LeftScratch

  init(_ sizes: Sizes) {
    input = AlignedBuffer(byteCount: sizes.input)
    output = AlignedBuffer(byteCount: sizes.output)
    product = AlignedBuffer(byteCount: sizes.product)
    sum = AlignedBuffer(byteCount: sizes.sum)
    left = LeftScratch(elements: sizes.leftElements)
  }

  /// Sets the product to rows of a delta's product.
  mutating func multiply(_ factors: Factors, _ rows: Range<Int>, count: Int)
    throws(CheckpointError)
  {
    try product.withMutableFloats(count: count) { (product) throws(CheckpointError) in
      try factors.multiply(rows, into: &product, scratch: &left)
    }
  }

  mutating func clearSum(_ count: Int) {
    sum.withMutableFloats(count: count) { sum in
      for index in sum.indices { sum[index] = 0 }
    }
  }

  /// Adds the scaled product to the sum.
  mutating func accumulate(_ count: Int, scale: Float) {
    product.withFloats(count: count) { product in
      sum.withMutableFloats(count: count) { Update.accumulate(product, scale: scale, into: &$0) }
    }
  }

  mutating func swapSum() { swap(&product, &sum) }

  /// Sets some elements of the output to those of the input plus the scaled product.
  mutating func update(
    _ elements: Range<Int>, of from: ElementType, to: ElementType, scale: Float
  ) -> UpdateStatistics {
    var statistics = UpdateStatistics()
    let (fromWidth, toWidth) = (from.byteWidth ?? 0, to.byteWidth ?? 0)
    product.withFloats(count: elements.count) { product in
      input.withBytes { base in
        output.withMutableBytes { output in
          var output = output._mutatingExtracting(
            elements.lowerBound * toWidth..<elements.upperBound * toWidth)
          Update.apply(
            product, scale: scale,
            base: base.extracting(
              elements.lowerBound * fromWidth..<elements.upperBound * fromWidth),
            of: from, into: &output, of: to, statistics: &statistics)
        }
      }
    }
    return statistics
  }

  /// Sets the output to the converted input, of which `byteCount` bytes count, and
  /// tells what could not be kept.
  @discardableResult
  mutating func convert(_ byteCount: Int, of from: ElementType, to: ElementType)
    -> ConversionLosses
  {
    var losses = ConversionLosses()
    let count = byteCount / max(1, from.byteWidth ?? 1)
    input.withPrefix(byteCount) { source in
      output.withMutablePrefix(count * (to.byteWidth ?? 0)) {
        Conversion.convert(source, from: from, into: &$0, to: to, losses: &losses)
      }
    }
    return losses
  }

  /// Converts the output in place of itself.
  mutating func convertOutput(_ count: Int, of from: ElementType, to: ElementType) {
    swap(&input, &output)
    convert(count * (from.byteWidth ?? 0), of: from, to: to)
  }
}

extension LeftScratch {
  /// Reads rows of a left factor as float32.
  mutating func readRows(_ rows: Range<Int>, of data: TensorData, rank: Int)
    throws(CheckpointError)
  {
    guard let type = data.record.type.element, let width = type.byteWidth else {
      preconditionFailure("the plan lets only float factors through")
    }
    let count = rows.count * rank
    try raw.withMutablePrefix(count * width) { (bytes) throws(CheckpointError) in
      try data.read(into: &bytes, at: rows.lowerBound * rank * width)
    }
    raw.withPrefix(count * width) { bytes in
      left.withMutableFloats(count: count) { Conversion.widen(bytes, of: type, into: &$0) }
    }
  }
}
