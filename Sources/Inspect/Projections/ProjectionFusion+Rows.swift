import Formats

/// Which columns of a fused B are those of each part.
struct FactorColumns {
  /// The rank of the whole.
  let rank: Int
  /// The first column of each part.
  let starts: [Int]
}

extension ProjectionFusion {
  /// Makes A of the whole: the common one where all parts have the same, else all of
  /// them, one after the other, and what zeros the scale asks for.
  mutating func fuseA(
    _ suffix: String, _ positions: [Int?], _ whole: ProjectionParts
  ) throws(CheckpointError) -> FactorColumns {
    let present = positions.indices.filter { positions[$0] != nil }
    let parts = present.compactMap { positions[$0].map { draft.tensors[$0] } }
    let first = parts[0]
    try requireAlike(parts.map(\.record), from: 1)
    let scale = try commonScale(present.map { whole.path($0) }, parts.map(\.record), suffix)
    var made = first.part(named: "\(whole.path()).\(suffix)")
    let sources = positions.compactMap(\.self)
    if try areSame(parts.map(\.record)) {
      recuts.append(Recut(sources: sources, results: [made]))
      let rank = first.record.shape[0]
      return FactorColumns(rank: rank, starts: positions.map { _ in 0 })
    }
    var extents: [Extent] = []
    var starts = positions.map { _ in 0 }
    var rank = 0
    for (part, tensor) in zip(present, parts) {
      let rows = tensor.record.shape[0]
      starts[part] = rank
      rank += rows
      try TensorRows(tensor.record, in: draft.path)?.append(0..<rows, to: &extents)
    }
    let scaled = try scaled(whole.path(), suffix, rank: rank, scale: scale)
    let rowByteCount = try TensorRows(first.record, in: draft.path)?.rowByteCount ?? 0
    zeros.append(rowByteCount * (scaled.rank - rank), to: &extents)
    made.record.shape[0] = scaled.rank
    made.record.bytes = made.record.bytes.map {
      TensorBytes(extents: extents, transforms: $0.transforms)
    }
    recuts.append(Recut(sources: sources, results: [made]))
    scales.append(scaled)
    return FactorColumns(rank: scaled.rank, starts: starts)
  }

  /// Stacks the rows of the parts; those of a part that is missing are 0.
  mutating func stack(
    _ suffix: String, _ positions: [Int?], _ whole: ProjectionParts, _ sizes: [Int],
    _ pieces: [ProjectionPiece], columns: FactorColumns?, isB: Bool
  ) throws(CheckpointError) {
    let records = positions.map { $0.map { draft.tensors[$0].record } }
    let present = records.compactMap(\.self)
    guard let first = present.first, let source = positions.compactMap(\.self).min() else { return }
    // The columns of B are laid out anew.
    try requireAlike(present, from: columns == nil ? 1 : 2)
    var rows: [TensorRows?] = []
    for record in records {
      rows.append(
        try record.flatMap { record throws(CheckpointError) in
          try TensorRows(record, in: draft.path)
        })
    }
    var shape = first.shape
    shape[0] = sizes.reduce(0, +)
    if let columns { shape[1] = columns.rank }
    let count = shape.dropFirst().reduce(1, *) * first.type.bitWidth / 8
    try checkGrowth(shape[0], count)
    var extents: [Extent] = []
    for piece in pieces {
      guard let source = rows[piece.part] else {
        zeros.append(count * piece.rows.count, to: &extents)
        continue
      }
      guard source.rowByteCount != count, let columns else {
        source.append(piece.rows, to: &extents)
        continue
      }
      let width = count / columns.rank
      let before = columns.starts[piece.part] * width
      for row in piece.rows {
        zeros.append(before, to: &extents)
        source.append(row..<row + 1, to: &extents)
        zeros.append(count - before - source.rowByteCount, to: &extents)
      }
    }
    var made = draft.tensors[source].part(named: "\(whole.path()).\(suffix)")
    made.record.shape = shape
    made.record.bytes = first.bytes.map {
      TensorBytes(extents: extents, transforms: $0.transforms)
    }
    recuts.append(Recut(sources: positions.compactMap(\.self), results: [made]))
  }

  /// What a tensor with zeros in it may take; they lie in no file that bounds them.
  private static let maximumByteCount = 1 << 36

  private func checkGrowth(_ rows: Int, _ rowByteCount: Int) throws(CheckpointError) {
    let size = rows.multipliedReportingOverflow(by: rowByteCount)
    guard size.overflow || size.partialValue > Self.maximumByteCount else { return }
    throw CheckpointError(
      "would have \(rows) rows of \(rowByteCount) bytes; at most \(Self.maximumByteCount) bytes "
        + "are put together")
  }

  /// Refuses records that differ in more than the sizes of their first axes.
  private func requireAlike(_ records: [TensorRecord], from axis: Int) throws(CheckpointError) {
    guard let first = records.first else { return }
    for record in records {
      guard record.type == first.type, record.shape.count == first.shape.count,
        record.shape.dropFirst(axis) == first.shape.dropFirst(axis), !record.shape.isEmpty,
        record.bytes?.transforms == first.bytes?.transforms
      else {
        throw CheckpointError(
          tensor: record.name,
          "is \(record.type.name) \(record.shape), but \(first.name.quoted) is \(first.type.name) "
            + "\(first.shape); they cannot be one tensor")
      }
    }
  }

  /// Whether they hold the same bytes.
  private func areSame(_ records: [TensorRecord]) throws(CheckpointError) -> Bool {
    guard let first = records.first, records.allSatisfy({ $0.shape == first.shape }),
      records.allSatisfy({ $0.bytes != nil })
    else { return records.count == 1 }
    if records.count == 1 { return true }
    let bytes = try TensorData.bytes(of: first)
    for record in records.dropFirst() where try TensorData.bytes(of: record) != bytes {
      return false
    }
    return true
  }
}
