import Formats

extension WorkerScratch {
  /// The sizes, in bytes.
  struct Sizes: Sendable, Hashable {
    var input = 0
    var output = 0
    var product = 0
    /// Only where a tensor needs more than one sum.
    var values = 0
    var rounded = 0
    /// Only for Hadamard products.
    var second = 0
    /// Values of left factors.
    var leftElements = 0
    /// Values in float64, allocated for each product: before, after, rounded and as bytes.
    var wide = 0

    var byteCount: Int {
      input + output + product + values + rounded + second + wide
        + leftElements * (MemoryLayout<Float>.stride + 8)
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
      case .update(let update):
        include(update, outputWidth: outputWidth, blocks: blocks)
      }
    }

    /// Grows to what one block of `update` needs.
    private mutating func include(_ update: TensorUpdate, outputWidth: Int, blocks: BlockSize) {
      let columns = update.columnCount
      let rows = min(blocks.rows(ofColumns: columns), update.rowCount)
      let blockRows = min(rows * blocks.productsPerBlock, update.rowCount)
      let types = [update.base.type, update.modelType]
      // What is quantised is multiplied with its scales before anything else.
      let widest = update.scales == nil ? types.map { $0.bitWidth / 8 }.max() ?? 1 : 4
      let width = max(1, outputWidth, widest)
      input = max(input, blockRows * columns * width)
      output = max(output, blockRows * columns * width)
      include(update, rows: rows, columns: columns)
      if update.onlySums?.count == 1, let delta = update.onlySums?.first {
        // A product that is not stored is made for the whole block.
        leftElements = max(leftElements, blockRows * delta.form.onePassWidth)
      }
      for case .fitScales(let weight) in update.steps.map(\.action) {
        include(weight, outputWidth: 1, blocks: blocks)
      }
    }

    /// Grows to what the steps need for one product.
    private mutating func include(_ update: TensorUpdate, rows: Int, columns: Int) {
      guard !update.isWide else {
        wide = max(wide, 4 * rows * columns * MemoryLayout<Double>.stride)
        return
      }
      let floats = rows * columns * MemoryLayout<Float>.stride
      let deltas = update.onlySums
      product = max(product, floats)
      if deltas == nil || deltas?.count != 1 || deltas?.first?.rows != nil {
        values = max(values, floats)
      }
      if deltas == nil { rounded = max(rounded, floats) }
      for step in update.steps {
        switch step.action {
        case .add(let delta):
          leftElements = max(leftElements, rows * delta.form.leftWidth(columns: columns))
          if case .hadamard = delta.form { second = max(second, floats) }
        case .replaceRows: leftElements = max(leftElements, columns)
        case .normalise, .multiply, .rotate, .round, .fitScales: break
        }
      }
    }
  }
}

extension Delta.Form {
  /// The values that have to be read for one row where there is one pass.
  fileprivate var onePassWidth: Int {
    if case .lowRank(_, let a) = self { a.rowCount } else { 0 }
  }

  /// The values that have to be read for one row of the matrix.
  fileprivate func leftWidth(columns: Int) -> Int {
    switch self {
    case .lowRank(_, let a), .experts(_, let a, _): a.rowCount
    case .hadamard(_, let a1, _, let a2): max(a1.rowCount, a2.rowCount)
    case .kronecker: 0
    case .full: columns
    }
  }
}
