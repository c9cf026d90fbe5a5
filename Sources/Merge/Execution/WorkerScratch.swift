import Compute
import Formats

/// The memory of one worker, allocated once for the largest block of a plan.
struct WorkerScratch: ~Copyable {
  var input: AlignedBuffer
  var output: AlignedBuffer
  /// Values of a product's size that are more than a sum.
  var values: AlignedBuffer
  var steps: StepScratch

  init(_ sizes: Sizes) {
    input = AlignedBuffer(byteCount: sizes.input)
    output = AlignedBuffer(byteCount: sizes.output)
    values = AlignedBuffer(byteCount: sizes.values)
    steps = StepScratch(
      product: AlignedBuffer(byteCount: sizes.product),
      delta: DeltaScratch(
        left: LeftScratch(elements: sizes.leftElements),
        second: AlignedBuffer(byteCount: sizes.second)),
      rounded: AlignedBuffer(byteCount: sizes.rounded))
  }

  /// Sets some elements of the output to those of the input plus the scaled product.
  mutating func update(
    _ elements: Range<Int>, of from: ElementType, to: ElementType, scale: Float
  ) -> UpdateStatistics {
    Self.update(
      elements, of: from, to: to, by: steps.product, scale: scale, input: input, output: &output)
  }

  /// Sets some elements of the output, whole rows, to those of the input plus the scaled
  /// rows `rows` of a product, all of BF16.
  mutating func update(
    _ elements: Range<Int>, by factors: Factors, _ rows: Range<Int>, scale: Float
  ) throws(CheckpointError) -> UpdateStatistics {
    try factors.gather(rows, into: &steps.delta.left)
    return Self.update(
      elements, by: factors, left: steps.delta.left.left, rowCount: rows.count, scale: scale,
      product: &steps.product, input: input, output: &output)
  }

  private static func update(
    _ elements: Range<Int>, by factors: Factors, left: borrowing AlignedBuffer, rowCount: Int,
    scale: Float, product: inout AlignedBuffer, input: borrowing AlignedBuffer,
    output: inout AlignedBuffer
  ) -> UpdateStatistics {
    var statistics = UpdateStatistics()
    let bytes = elements.bytes(of: .bf16)
    left.withFloats(count: rowCount * factors.rank) { left in
      product.withMutableFloats(count: factors.right.columns) { scratch in
        input.withBytes { base in
          output.withMutableBytes { output in
            var output = output._mutatingExtracting(bytes)
            Update.applyProduct(
              left, rowCount: rowCount, right: factors.right, scale: scale,
              base: base.extracting(bytes), into: &output, scratch: &scratch,
              statistics: &statistics)
          }
        }
      }
    }
    return statistics
  }

  /// Sets some elements of the output to those of the input plus the values.
  mutating func updateBySum(_ elements: Range<Int>, of from: ElementType, to: ElementType)
    -> UpdateStatistics
  {
    Self.update(
      elements, of: from, to: to, by: values, scale: 1, input: input, output: &output)
  }

  private static func update(
    _ elements: Range<Int>, of from: ElementType, to: ElementType,
    by product: borrowing AlignedBuffer, scale: Float, input: borrowing AlignedBuffer,
    output: inout AlignedBuffer
  ) -> UpdateStatistics {
    var statistics = UpdateStatistics()
    product.withFloats(count: elements.count) { product in
      input.withBytes { base in
        output.withMutableBytes { output in
          var output = output._mutatingExtracting(elements.bytes(of: to))
          Update.apply(
            product, scale: scale, base: base.extracting(elements.bytes(of: from)), of: from,
            into: &output, of: to, statistics: &statistics)
        }
      }
    }
    return statistics
  }

  /// Sets the values to some elements of the input.
  mutating func widen(_ elements: Range<Int>, of from: ElementType) {
    values.withMutableFloats(count: elements.count) { values in
      input.withBytes {
        Conversion.widen($0.extracting(elements.bytes(of: from)), of: from, into: &values)
      }
    }
  }

  /// Sets some elements of the output to the values, rounded.
  mutating func settle(_ elements: Range<Int>, of from: ElementType, to: ElementType)
    -> UpdateStatistics
  {
    values.withFloats(count: elements.count) { values in
      input.withBytes { base in
        output.withMutableBytes { output in
          var output = output._mutatingExtracting(elements.bytes(of: to))
          return Values.settle(
            values, base: base.extracting(elements.bytes(of: from)), of: from, into: &output,
            of: to)
        }
      }
    }
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
  @discardableResult
  mutating func convertOutput(_ count: Int, of from: ElementType, to: ElementType)
    -> ConversionLosses
  {
    swap(&input, &output)
    return convert(count * (from.byteWidth ?? 0), of: from, to: to)
  }
}

extension Range<Int> {
  /// The bytes of these elements.
  fileprivate func bytes(of type: ElementType) -> Range<Int> {
    let width = type.byteWidth ?? 0
    return lowerBound * width..<upperBound * width
  }
}
