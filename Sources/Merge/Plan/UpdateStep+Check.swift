import Formats
import Inspect

extension UpdateStep {
  /// Throws unless everything that the step reads has the size that a tensor of these
  /// rows and columns needs, so that nothing later has to ask.
  func check(rowCount: Int, columnCount: Int) throws(CheckpointError) {
    switch action {
    case .add(let delta):
      try delta.check(rowCount: delta.rows?.count ?? rowCount, columnCount: columnCount)
    case .normalise(let normalisation):
      try normalisation.axis.check(
        normalisation.magnitude, normalisation.rows?.count ?? rowCount, columnCount)
    case .multiply(let vector, let axis): try axis.check(vector, rowCount, columnCount)
    case .rotate(let rotation):
      guard rotation.source.fits(columnCount: columnCount) else {
        throw CheckpointError(
          tensor: rotation.source.record.name,
          "has shape \(rotation.source.record.shape), which turns parts of \(rotation.source.size) "
            + "columns; the weight has \(columnCount)")
      }
    case .replaceRows(let rows, let record):
      try require(record, rows.count * columnCount)
    case .round, .fitScales: break
    }
  }
}

/// Throws unless a tensor has `count` elements.
private func require(_ record: TensorRecord, _ count: Int) throws(CheckpointError) {
  guard record.elementCount == count else {
    throw CheckpointError(
      tensor: record.name,
      "has shape \(record.shape); expected \(count) numbers")
  }
}

extension UpdateStep.Axis {
  fileprivate func check(_ vector: TensorRecord, _ rowCount: Int, _ columnCount: Int)
    throws(CheckpointError)
  {
    switch self {
    case .rows: try require(vector, rowCount)
    case .columns(let width): try require(vector, columnCount / max(1, width))
    }
  }
}

extension Delta {
  fileprivate func check(rowCount: Int, columnCount: Int) throws(CheckpointError) {
    let (rows, columns) = isTransposed ? (columnCount, rowCount) : (rowCount, columnCount)
    for factor in form.factors { try factor.check() }
    switch form {
    case .lowRank(let b, let a): try check(b, a, rows, columns)
    case .hadamard(let b1, let a1, let b2, let a2):
      try check(b1, a1, rows, columns)
      try check(b2, a2, rows, columns)
    case .experts(let b, let a, let count):
      let (rows, columns) =
        isTransposed ? (columnCount, rowCount / count) : (rowCount / count, columnCount)
      guard rowCount.isMultiple(of: count), a.rowCount.isMultiple(of: count),
        a.rowCount == b.columnCount, b.rowCount == rows, a.columnCount == columns
      else { throw mismatch(b, a, rows, columns) }
    case .kronecker(let first, let second, let sliceWidth):
      for case .product(let left, let right) in [first, second] {
        guard left.columnCount == right.rowCount else {
          throw mismatch(left, right, left.rowCount, right.columnCount)
        }
      }
      guard !isTransposed, first.rowCount * second.rowCount == rows,
        first.columnCount * second.columnCount == columns,
        second.columnCount.isMultiple(of: sliceWidth ?? 1)
      else { throw mismatch(first.factors[0], second.factors[0], rows, columns) }
    case .full(let factor): try require(factor.record, rowCount * columnCount)
    }
  }

  private func check(_ b: Factor, _ a: Factor, _ rows: Int, _ columns: Int)
    throws(CheckpointError)
  {
    guard b.rowCount == rows, a.columnCount == columns, b.columnCount == a.rowCount else {
      throw mismatch(b, a, rows, columns)
    }
  }

  private func mismatch(_ left: Factor, _ right: Factor, _ rows: Int, _ columns: Int)
    -> CheckpointError
  {
    CheckpointError(
      tensor: left.record.name,
      "has shape \(left.record.shape), which with \(right.record.name) \(right.record.shape) makes "
        + "no matrix of \(rows) rows and \(columns) columns")
  }
}

extension Factor {
  fileprivate func check() throws(CheckpointError) {
    if let core {
      guard core.shape.count >= 2, core.shape[1] == record.shape.first else {
        throw CheckpointError(
          tensor: core.name,
          "has shape \(core.shape); expected \(record.shape.first ?? 1) as its second axis")
      }
    }
    if let rowScales { try require(rowScales, rowCount) }
  }
}
