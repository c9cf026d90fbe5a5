import Compute
import Formats

/// What stops an update whose result is no number.
extension UpdateComputation {
  /// Throws at the first element of the output that is not finite while the base's is;
  /// the base's are of the type `from`, the output's of `rounded`.
  func checkFinite(
    _ elements: Range<Int>, of from: ElementType, to rounded: ElementType, firstRow: Int,
    in scratch: borrowing WorkerScratch
  ) throws(CheckpointError) {
    let start = firstRow * update.columnCount
    let before =
      if let original { try original.floats(start..<start + elements.count) } else {
        NotFinite.floats(elements, of: from, in: scratch.input)
      }
    let after = NotFinite.floats(elements, of: rounded, in: scratch.output)
    guard let found = NotFinite(after, at: start, before: before, shape: update.base.shape)
    else { return }
    if let value = valueBeforeRounding(at: found.position, to: rounded) {
      throw found.error(of: value, in: rounded, numerics: numerics)
    }
    var adapters: [String] = []
    for step in update.steps where !adapters.contains(step.adapter) {
      adapters.append(step.adapter)
    }
    throw found.error(adapters: adapters)
  }

  /// Converts the finished output to its type; throws at the first element that is too
  /// large for it.
  func convertOutput(_ rows: Range<Int>, from rounded: ElementType, scratch: inout WorkerScratch)
    throws(CheckpointError)
  {
    let count = rows.count * update.columnCount
    let losses = scratch.convertOutput(count, of: rounded, to: outputType)
    guard losses.overflow > 0 else { return }
    // The input holds now what was converted.
    let before = NotFinite.floats(0..<count, of: rounded, in: scratch.input)
    let start = rows.lowerBound * update.columnCount
    let after = NotFinite.floats(0..<count, of: outputType, in: scratch.output)
    guard let found = NotFinite(after, at: start, before: before, shape: update.base.shape)
    else { return }
    throw found.error(of: found.before ?? 0, in: outputType, numerics: .exact)
  }

  /// The number that rounding makes infinite; nil where it is none without it either.
  private func valueBeforeRounding(at position: Int, to rounded: ElementType) -> Float? {
    guard (rounded.byteWidth ?? 0) < 4, update.scales == nil, !update.isWide else { return nil }
    var update = update
    update.modelType = .element(.f32)
    let oneRow = BlockSize(productByteCount: 1, productsPerBlock: 1)
    var sizes = WorkerScratch.Sizes()
    sizes.include(
      PlannedTensor(
        name: update.base.name, type: .element(.f32), shape: update.base.shape,
        operation: .update(update)), blocks: oneRow)
    var scratch = WorkerScratch(sizes)
    let wide = UpdateComputation(update, to: .f32, blocks: oneRow, numerics: .exact)
    let (row, column) = position.quotientAndRemainder(dividingBy: max(1, update.columnCount))
    do throws(CheckpointError) {
      _ = try wide.run(row..<row + 1, scratch: &scratch)
    } catch {
      return nil
    }
    return NotFinite.floats(column..<column + 1, of: .f32, in: scratch.output).first
      .flatMap { $0.isFinite ? $0 : nil }
  }
}
