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
  let outputType: ElementType
  private let isLikePEFT: Bool
  let numerics: Numerics
  /// What the base has where the adapter's values stand.
  let original: OriginalValues?
  private let blocks: BlockSize
  /// Whether everything is one sum for which no values have to be kept.
  private let isOneSum: Bool
  private let source: Mutex<TensorData?> = Mutex(nil)
  private let loaded: Mutex<Loaded?> = Mutex(nil)
  private let loadedWide: Mutex<[WideStep]?> = Mutex(nil)

  /// What all blocks share.
  private struct Loaded: Sendable {
    var steps: [LoadedStep]
    /// The scales of a quantised tensor before and after the update.
    var scales: (old: ScaleGrid, new: ScaleGrid)?
  }

  init(
    _ update: TensorUpdate, to outputType: ElementType, blocks: BlockSize, numerics: Numerics
  ) {
    self.update = update
    self.outputType = outputType
    self.numerics = numerics
    original = update.replacement.map(OriginalValues.init)
    self.blocks = blocks
    isLikePEFT = numerics == .peft
    isOneSum = update.onlySums != nil
    productLength = blocks.rows(ofColumns: update.columnCount)
  }

  /// The type of the base in its file.
  var storedType: ElementType {
    guard let type = update.base.type.element, type.byteWidth != nil else {
      preconditionFailure("the plan updates only whole-byte float types")
    }
    return type
  }

  /// The type of the base's values in the scratch.
  private var from: ElementType { update.scales == nil ? storedType : .f32 }

  private var modelType: ElementType { update.modelType.element ?? from }

  /// Leaves the finished rows, in the type of the output, at the start of
  /// `scratch.output`; tells what came of them.
  func run(_ rows: Range<Int>, scratch: inout WorkerScratch) throws(CheckpointError)
    -> UpdateStatistics
  {
    let columns = update.columnCount
    // PEFT rounds to the type of the model, whatever is done with the result.
    let rounded = isLikePEFT && update.scales == nil ? modelType : outputType
    if update.isWide {
      let statistics = try runWide(rows, to: rounded, scratch: &scratch)
      if rounded != outputType { try convertOutput(rows, from: rounded, scratch: &scratch) }
      return statistics
    }
    let loaded = try loaded(scratch: &scratch)
    let steps = loaded.steps
    try read(rows, scale: loaded.scales?.old, scratch: &scratch)
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
      } else if let scales = loaded.scales {
        try carryOut(steps[...], part, elements, scratch: &scratch)
        result = scratch.quantise(
          elements, firstRow: part.lowerBound, by: scales.new, columns: columns, to: rounded)
      } else {
        result = try values(steps, part, elements, to: rounded, scratch: &scratch)
      }
      if result.notFinite > 0 {
        try checkFinite(
          elements, of: from, to: rounded, firstRow: part.lowerBound, in: scratch)
      }
      statistics.combine(result)
    }
    if rounded != outputType { try convertOutput(rows, from: rounded, scratch: &scratch) }
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

  /// Reads rows of what the update starts from into `scratch.input`, multiplied with
  /// their scales.
  func read(_ rows: Range<Int>, scale: ScaleGrid?, scratch: inout WorkerScratch)
    throws(CheckpointError)
  {
    let width = (storedType.byteWidth ?? 0) * update.columnCount
    let data = try source.withLock { (source) throws(CheckpointError) -> TensorData in
      if let source { return source }
      let data = try TensorData(update.base)
      source = data
      return data
    }
    try scratch.input.withMutablePrefix(rows.count * width) { (bytes) throws(CheckpointError) in
      try data.read(into: &bytes, at: rows.lowerBound * width)
    }
    if let scale {
      scratch.dequantise(
        rows.count * update.columnCount, of: storedType, firstRow: rows.lowerBound, by: scale,
        columns: update.columnCount)
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
  func carryOut(
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

  private func loaded(scratch: inout WorkerScratch) throws(CheckpointError) -> Loaded {
    try loaded.withLock { (loaded) throws(CheckpointError) -> Loaded in
      if let loaded { return loaded }
      var result = Loaded(steps: [])
      let old = try update.scales.map { (scales) throws(CheckpointError) in
        try ScaleGrid(scales, columnCount: update.columnCount)
      }
      for step in update.steps {
        let before = result.steps[...]
        result.steps.append(
          try LoadedStep(
            step, rowCount: update.rowCount, columnCount: update.columnCount,
            columnSquares: { () throws(CheckpointError) in
              try columnSquares(after: before, scale: old, scratch: &scratch)
            },
            fittedScales: { (weight) throws(CheckpointError) in
              let type = weight.base.type.element ?? outputType
              return try UpdateComputation(weight, to: type, blocks: blocks, numerics: numerics)
                .loaded(scratch: &scratch).scales?.new.scales ?? []
            }))
      }
      if let old {
        result.scales = (old, try fitted(old, after: result.steps[...], scratch: &scratch))
      }
      loaded = result
      return result
    }
  }
  /// The steps in float64, loaded by the first worker that needs them.
  func wideSteps(scratch: inout WorkerScratch) throws(CheckpointError) -> [WideStep] {
    try loadedWide.withLock { (loaded) throws(CheckpointError) -> [WideStep] in
      if let loaded { return loaded }
      let steps = try loadedWideSteps(scratch: &scratch)
      loaded = steps
      return steps
    }
  }
}
