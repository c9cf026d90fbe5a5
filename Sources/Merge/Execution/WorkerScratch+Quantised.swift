import Compute

/// The values of a quantised tensor: they are float32 while anything is done to them.
extension WorkerScratch {
  /// Puts the products of the first `count` elements of the input and their scales in
  /// the place of the elements.
  mutating func dequantise(
    _ count: Int, of type: ElementType, firstRow: Int, by scales: ScaleGrid, columns: Int
  ) {
    swap(&input, &output)
    input.withMutableFloats(count: count) { values in
      output.withPrefix(count * (type.byteWidth ?? 0)) {
        Conversion.widen($0, of: type, into: &values)
      }
      scales.multiply(&values, firstRow: firstRow, columns: columns)
    }
  }

  /// Sets some elements of the output, whole rows, to the values, divided by their scales
  /// and rounded; the base's values are in the input.
  mutating func quantise(
    _ elements: Range<Int>, firstRow: Int, by scales: ScaleGrid, columns: Int, to type: ElementType
  ) -> UpdateStatistics {
    let count = elements.count
    let width = type.byteWidth ?? 0
    steps.product.withMutableFloats(count: count) { quotients in
      values.withFloats(count: count) { values in
        for index in quotients.indices { quotients[index] = values[index] }
      }
      scales.divide(&quotients, firstRow: firstRow, columns: columns)
      output.withMutableBytes { bytes in
        var bytes = bytes._mutatingExtracting(
          elements.lowerBound * width..<elements.upperBound * width)
        Conversion.narrow(quotients.span, to: type, into: &bytes)
      }
      output.withBytes { bytes in
        Conversion.widen(
          bytes.extracting(elements.lowerBound * width..<elements.upperBound * width), of: type,
          into: &quotients)
      }
      scales.multiply(&quotients, firstRow: firstRow, columns: columns)
    }
    return steps.product.withFloats(count: count) { result in
      values.withFloats(count: count) { values in
        input.withBytes { base in
          Values.statistics(
            of: values,
            base: base.extracting(elements.lowerBound * 4..<elements.upperBound * 4),
            result: result)
        }
      }
    }
  }

  /// Whether one of the first `count` values is NaN or infinite.
  func holdsInfinity(_ count: Int) -> Bool {
    values.withFloats(count: count) { values in
      values.indices.contains { !values[$0].isFinite }
    }
  }

  /// Sets the output to the first `count` values as they are.
  mutating func putValuesOut(_ count: Int) {
    values.withFloats(count: count) { values in
      output.withMutablePrefix(count * MemoryLayout<Float>.stride) {
        Conversion.narrow(values, to: .f32, into: &$0)
      }
    }
  }
}
