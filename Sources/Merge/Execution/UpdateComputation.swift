import Compute
import Formats
import Synchronization

/// The computation of one updated tensor, block by block.
///
/// Factors are loaded by the first worker that needs them and freed with the
/// computation.
final class UpdateComputation: Sendable {
  let update: TensorUpdate
  /// The rows of which one product is made at a time.
  let productLength: Int
  private let outputType: ElementType
  private let isLikePEFT: Bool
  /// Whether everything is one sum for which no values have to be kept.
  private let isOneSum: Bool
  private let source: Mutex<TensorData?> = Mutex(nil)
  private let steps: Mutex<[LoadedStep]?> = Mutex(nil)

  init(
    _ update: TensorUpdate, to outputType: ElementType, blocks: BlockSize, numerics: Numerics
  ) {
    self.update = update
    self.outputType = outputType
    isLikePEFT = numerics == .peft
    isOneSum = update.onlySums != nil
    productLength = blocks.rows(ofColumns: update.columnCount)
  }

  private var from: ElementType {
    guard let type = update.base.type.element, type.byteWidth != nil else {
      preconditionFailure("the plan updates only whole-byte float types")
    }
    return type
  }

  private var modelType: ElementType { update.modelType.element ?? from }

  /// Leaves the finished rows, in the type of the output, at the start of
  /// `scratch.output`; tells what came of them.
  func run(_ rows: Range<Int>, scratch: inout WorkerScratch) throws(CheckpointError)
    -> UpdateStatistics
  {
    let steps = try loadedSteps(scratch: &scratch)
    let columns = update.columnCount
    try read(rows, scratch: &scratch)
    // PEFT rounds to the type of the model, whatever is done with the result.
    let rounded = isLikePEFT ? modelType : outputType
    let factors = onePassFactors(steps, to: rounded)
    // Where no product is stored it need not fit into a cache.
    let length = factors == nil ? productLength : rows.count
    var statistics = UpdateStatistics()
    for start in stride(from: rows.lowerBound, to: rows.upperBound, by: length) {
      let part = start..<min(start + length, rows.upperBound)
      let elements =
        (start - rows.lowerBound) * columns..<(part.upperBound - rows.lowerBound) * columns
      let result: UpdateStatistics
      if let factors {
        result = try scratch.update(elements, by: factors.values, part, scale: factors.scale)
      } else if isOneSum {
        result = try sum(steps, part, elements, to: rounded, scratch: &scratch)
      } else {
        result = try values(steps, part, elements, to: rounded, scratch: &scratch)
      }
      if result.notFinite > 0 {
        try NotFinite.check(
          scratch, elements: elements, of: from, to: rounded, firstRow: part.lowerBound,
          shape: update.base.shape)
      }
      statistics.combine(result)
    }
    if rounded != outputType {
      scratch.convertOutput(rows.count * columns, of: rounded, to: outputType)
    }
    return statistics
  }

  /// The one product that is all that is added, if that can be done in one pass.
  private func onePassFactors(_ steps: [LoadedStep], to rounded: ElementType) -> (
    values: Factors, scale: Float
  )? {
    guard isOneSum, steps.count == 1, case .add(let only) = steps[0], only.delta.rows == nil,
      let factors = only.factors,
      Update.isOnePass(depth: factors.rank, of: from, to: rounded)
    else { return nil }
    return (factors, Float(only.delta.scale))
  }

  /// Reads rows of what the update starts from into `scratch.input`.
  private func read(_ rows: Range<Int>, scratch: inout WorkerScratch) throws(CheckpointError) {
    let width = (from.byteWidth ?? 0) * update.columnCount
    let data = try source.withLock { (source) throws(CheckpointError) -> TensorData in
      if let source { return source }
      let data = try TensorData(update.base)
      source = data
      return data
    }
    try scratch.input.withMutablePrefix(rows.count * width) { (bytes) throws(CheckpointError) in
      try data.read(into: &bytes, at: rows.lowerBound * width)
    }
  }

  /// The base and one sum, in one pass.
  private func sum(
    _ steps: [LoadedStep], _ rows: Range<Int>, _ elements: Range<Int>, to rounded: ElementType,
    scratch: inout WorkerScratch
  ) throws(CheckpointError) -> UpdateStatistics {
    let count = elements.count
    if case .add(let only) = steps[0], steps.count == 1, only.delta.rows == nil {
      try scratch.steps.multiply(only, rows, count: count)
      return scratch.update(elements, of: from, to: rounded, scale: Float(only.delta.scale))
    }
    try scratch.values.withMutableFloats(count: count) { (sum) throws(CheckpointError) in
      for index in sum.indices { sum[index] = 0 }
      for step in steps {
        try step.apply(
          to: &sum, rows: rows, modelType: modelType, scratch: &scratch.steps)
      }
    }
    return scratch.updateBySum(elements, of: from, to: rounded)
  }

  /// The values after all steps.
  private func values(
    _ steps: [LoadedStep], _ rows: Range<Int>, _ elements: Range<Int>, to rounded: ElementType,
    scratch: inout WorkerScratch
  ) throws(CheckpointError) -> UpdateStatistics {
    try carryOut(steps[...], rows, elements, scratch: &scratch)
    return scratch.settle(elements, of: from, to: rounded)
  }

  /// Leaves the values of the rows after `steps` in `scratch.values`.
  private func carryOut(
    _ steps: ArraySlice<LoadedStep>, _ rows: Range<Int>, _ elements: Range<Int>,
    scratch: inout WorkerScratch
  ) throws(CheckpointError) {
    scratch.widen(elements, of: from)
    try scratch.values.withMutableFloats(count: elements.count) {
      (values) throws(CheckpointError) in
      for step in steps {
        try step.apply(
          to: &values, rows: rows, modelType: modelType, scratch: &scratch.steps)
      }
    }
  }

  private func loadedSteps(scratch: inout WorkerScratch) throws(CheckpointError) -> [LoadedStep] {
    try steps.withLock { (steps) throws(CheckpointError) -> [LoadedStep] in
      if let steps { return steps }
      var loaded: [LoadedStep] = []
      for step in update.steps {
        loaded.append(
          try LoadedStep(step, rowCount: update.rowCount, columnCount: update.columnCount) {
            () throws(CheckpointError) in
            try columnSquares(after: loaded[...], scratch: &scratch)
          })
      }
      steps = loaded
      return loaded
    }
  }

  /// The sums of the squares of each column after `steps`: one pass over the tensor,
  /// in the order of the rows.
  private func columnSquares(after steps: ArraySlice<LoadedStep>, scratch: inout WorkerScratch)
    throws(CheckpointError) -> [Double]
  {
    let columns = update.columnCount
    var squares = [Double](repeating: 0, count: columns)
    for start in stride(from: 0, to: update.rowCount, by: productLength) {
      let rows = start..<min(start + productLength, update.rowCount)
      let elements = 0..<rows.count * columns
      try read(rows, scratch: &scratch)
      try carryOut(steps, rows, elements, scratch: &scratch)
      var span = squares.mutableSpan
      scratch.values.withFloats(count: elements.count) { values in
        for row in 0..<rows.count {
          Values.addSquares(of: values.extracting(row * columns..<(row + 1) * columns), to: &span)
        }
      }
    }
    return squares
  }
}
