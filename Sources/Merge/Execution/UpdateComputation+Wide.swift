import Compute
import Formats

extension TensorUpdate {
  /// Whether it is computed in float64: the model or the file is F64.
  var isWide: Bool {
    scales == nil && (base.type == .element(.f64) || modelType == .element(.f64))
  }
}

/// Updates in float64.
extension UpdateComputation {
  /// Leaves the finished rows, as `rounded`, at the start of `scratch.output`.
  func runWide(_ rows: Range<Int>, to rounded: ElementType, scratch: inout WorkerScratch)
    throws(CheckpointError) -> UpdateStatistics
  {
    let steps = try wideSteps(scratch: &scratch)
    try read(rows, scale: nil, scratch: &scratch)
    var statistics = UpdateStatistics()
    for part in products(of: rows) {
      let elements = elements(of: part, in: rows)
      let base = values(elements, in: scratch)
      var values = base
      for step in steps { step.apply(to: &values, rows: part, modelType: wideModelType) }
      let result = Conversion.bytes(of: values, as: rounded)
      let width = rounded.byteWidth ?? 0
      scratch.output.withMutableBytes { output in
        var output = output._mutatingExtracting(
          elements.lowerBound * width..<elements.upperBound * width)
        for index in result.indices {
          output.storeBytes(of: result[index], toByteOffset: index, as: UInt8.self)
        }
      }
      statistics.combine(UpdateStatistics(base, values, Conversion.doubles(result, of: rounded)))
      guard statistics.notFinite > 0 else { continue }
      try checkFinite(
        elements, of: storedType, to: rounded, firstRow: part.lowerBound, in: scratch)
    }
    return statistics
  }

  /// The steps with what they need in memory.
  func loadedWideSteps(scratch: inout WorkerScratch) throws(CheckpointError) -> [WideStep] {
    var steps: [WideStep] = []
    for step in update.steps {
      let before = steps
      steps.append(
        try WideStep(
          step, rowCount: update.rowCount, columnCount: update.columnCount,
          columnSquares: { () throws(CheckpointError) in
            try wideColumnSquares(after: before, scratch: &scratch)
          }))
    }
    return steps
  }

  private func wideColumnSquares(after steps: [WideStep], scratch: inout WorkerScratch)
    throws(CheckpointError) -> [Double]
  {
    var squares = [Double](repeating: 0, count: update.columnCount)
    for rows in products(of: 0..<update.rowCount) {
      try read(rows, scale: nil, scratch: &scratch)
      var values = values(elements(of: rows, in: rows), in: scratch)
      for step in steps { step.apply(to: &values, rows: rows, modelType: wideModelType) }
      for (index, value) in values.enumerated() { squares[index % squares.count] += value * value }
    }
    return squares
  }

  private var wideModelType: ElementType { update.modelType.element ?? storedType }

  /// The rows, so many at a time as one product has.
  private func products(of rows: Range<Int>) -> [Range<Int>] {
    stride(from: rows.lowerBound, to: rows.upperBound, by: productLength).map {
      $0..<min($0 + productLength, rows.upperBound)
    }
  }

  private func elements(of part: Range<Int>, in rows: Range<Int>) -> Range<Int> {
    let columns = update.columnCount
    return (part.lowerBound - rows.lowerBound) * columns..<(part.upperBound - rows.lowerBound)
      * columns
  }

  /// What the update starts from, of what was read.
  private func values(_ elements: Range<Int>, in scratch: borrowing WorkerScratch) -> [Double] {
    let width = storedType.byteWidth ?? 0
    return scratch.input.withBytes { input in
      Conversion.doubles(
        input.extracting(elements.lowerBound * width..<elements.upperBound * width),
        of: storedType)
    }
  }
}

extension UpdateStatistics {
  /// What became of a base whose update makes it `values`, of which rounding leaves `result`.
  fileprivate init(_ base: [Double], _ values: [Double], _ result: [Double]) {
    self.init()
    for index in base.indices {
      let change = values[index] - base[index]
      baseSquares += base[index] * base[index]
      updateSquares += change * change
      kept += (result[index] - base[index]) * change
      if !result[index].isFinite { notFinite += 1 }
    }
  }
}
