import Formats

extension RenamingDraft {
  /// Splits every whole of `step` into its parts; returns how many there were.
  mutating func split(_ step: ProjectionStep, as source: Source) throws(CheckpointError) -> Int {
    let modules = try projections(step.fused, to: step.parts.joined(separator: ", "))
    guard !modules.isEmpty else { return 0 }
    var recuts: [Recut] = []
    for module in modules {
      let inputs = module.tensors.compactMap { inputCount($0) }.first
      for tensor in module.tensors {
        do throws(CheckpointError) {
          recuts.append(
            Recut(sources: [tensor.position], results: try split(tensor, step, inputs: inputs)))
        } catch {
          throw error.with(path: path, tensor: tensors[tensor.position].record.name)
        }
      }
    }
    try apply(recuts)
    projections.append(
      ProjectionChange(
        source: source, from: [step.fused], to: step.parts, moduleCount: modules.count))
    return modules.count
  }

  /// The numbers that the module reads, where this tensor shows it.
  private func inputCount(_ tensor: ProjectionTensor) -> Int? {
    let shape = tensors[tensor.position].record.shape
    let isMatrix = tensor.role == .a || tensor.role == .base
    return isMatrix && shape.count == 2 ? shape[1] : nil
  }

  private func split(_ tensor: ProjectionTensor, _ step: ProjectionStep, inputs: Int?)
    throws(CheckpointError) -> [Tensor]
  {
    let whole = tensors[tensor.position]
    let names = step.parts.map { "\(tensor.prefix)\($0).\(tensor.suffix)" }
    if tensor.role == .a { return names.map { whole.part(named: $0) } }
    guard whole.isShapeKnown, let rows = whole.record.shape.first else {
      throw CheckpointError("its shape is not known, so nothing tells where to cut it")
    }
    let (sizes, groups) = try step.sizes(of: rows, inputs: inputs) {
      () throws(CheckpointError) in
      try heads(of: "\(tensor.prefix)\(step.fused)")
    }
    let source = try TensorRows(whole.record, in: path)
    var extents: [[Extent]] = sizes.map { _ in [] }
    var start = 0
    // The rows of the whole with those of the part that they become.
    var moves: [(piece: ProjectionPiece, start: Int)] = []
    for piece in step.pieces(sizes, groups: groups) {
      moves.append((piece, start))
      start += piece.rows.count
    }
    moves.sort { $0.piece.rows.lowerBound < $1.piece.rows.lowerBound }
    for (piece, start) in moves {
      source?.append(start..<start + piece.rows.count, to: &extents[piece.part])
    }
    return names.indices.map { part in
      var made = whole.part(named: names[part])
      made.record.shape[0] = sizes[part]
      made.record.bytes = made.record.bytes.map {
        TensorBytes(extents: extents[part], transforms: $0.transforms)
      }
      return made
    }
  }
}

/// Tensors that come in the place of others.
struct Recut {
  /// The positions of what they are made from.
  let sources: [Int]
  let results: [RenamingDraft.Tensor]
}

extension RenamingDraft {
  /// Puts results in the places of what they are made from, and renames the
  /// configuration along.
  mutating func apply(_ recuts: [Recut]) throws(CheckpointError) {
    var results: [Int: [Tensor]] = [:]
    var consumed: Set<Int> = []
    var (before, after): ([String], [String]) = ([], [])
    for recut in recuts {
      guard let first = recut.sources.min() else { continue }
      results[first] = recut.results
      consumed.formUnion(recut.sources)
      for source in recut.sources {
        for result in recut.results {
          before.append(tensors[source].record.name)
          after.append(result.record.name)
        }
      }
    }
    var all: [Tensor] = []
    for (position, tensor) in tensors.enumerated() {
      if let made = results[position] {
        all += made
      } else if !consumed.contains(position) {
        all.append(tensor)
        before.append(tensor.record.name)
        after.append(tensor.record.name)
      }
    }
    tensors = all
    try renameConfiguration(from: before, to: after)
  }
}

extension RenamingDraft.Tensor {
  /// A tensor made from this one.
  func part(named name: String) -> Self {
    var made = Self(origin: nil, record: record, isShapeKnown: isShapeKnown)
    made.place = origin ?? place
    made.record.name = name
    return made
  }
}
