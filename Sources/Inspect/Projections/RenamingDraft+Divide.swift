import Formats
import OrderedCollections

extension RenamingDraft {
  /// Divides the modules of kohya's scripts that a base holds in several: A is the same
  /// for all of them, the rows of B are cut by the `shapes` of the base.
  ///
  /// `places` and `alphas`, by the flattened names of the modules, become those of the
  /// parts.
  mutating func divide(
    _ places: inout [String: BasePlace], _ alphas: inout [String: Double],
    _ shapes: [ExactName: [Int]?]
  ) throws(CheckpointError) {
    var recuts: [Recut] = []
    var counts: OrderedDictionary<[[String]], Int> = [:]
    for (position, tensor) in tensors.enumerated() {
      let stem = KohyaNames.stem(tensor.record.name)
      guard case .parts(let names) = places[stem] else { continue }
      let stems = names.map { Self.stem(of: $0, beside: stem) }
      let leaf = tensor.record.name.dropFirst(stem.count)
      let results: [Tensor]
      if leaf.hasPrefix(".lora_down.") {
        results = stems.map { tensor.part(named: $0 + leaf) }
        let kind = [[Self.words(ofFlattened: stem)], names.map { Self.words($0) }]
        counts[kind, default: 0] += 1
      } else {
        let sizes = names.map { shapes[ExactName($0)]??.first }
        results = try cutRows(of: tensor, into: zip(stems, sizes).map { ($0 + leaf, $1) })
      }
      recuts.append(Recut(sources: [position], results: results))
    }
    guard !recuts.isEmpty else { return }
    try apply(recuts)
    for (stem, place) in places {
      guard case .parts(let names) = place else { continue }
      places[stem] = nil
      for name in names {
        let part = Self.stem(of: name, beside: stem)
        places[part] = .whole(name)
        alphas[part] = alphas[stem]
      }
      alphas[stem] = nil
    }
    projections += counts.map { kind, count in
      ProjectionChange(
        source: .preset("kohya-to-peft"), from: kind[0], to: kind[1], moduleCount: count)
    }
  }

  /// Tensors of some rows each, which together are all rows.
  private func cutRows(of tensor: Tensor, into parts: [(name: String, rows: Int?)])
    throws(CheckpointError) -> [Tensor]
  {
    let name = tensor.record.name
    let sizes = parts.compactMap(\.rows)
    guard tensor.isShapeKnown, let rows = tensor.record.shape.first, sizes.count == parts.count
    else {
      throw CheckpointError(
        path: path, tensor: name,
        "its shape or the base's is not known, so nothing tells where to cut it")
    }
    let total = sizes.reduce(0) { $0.saturatingSum($1) }
    guard total == rows else {
      throw CheckpointError(
        path: path, tensor: name,
        "has \(rows) rows; the \(parts.count) modules of the base have \(total) together")
    }
    var start = 0
    var results: [Tensor] = []
    for (name, size) in zip(parts.map(\.name), sizes) {
      var extents: [Extent] = []
      try TensorRows(tensor.record, in: path)?.append(start..<start + size, to: &extents)
      var made = tensor.part(named: name)
      made.record.shape[0] = size
      made.record.bytes = made.record.bytes.map {
        TensorBytes(extents: extents, transforms: $0.transforms)
      }
      results.append(made)
      start += size
    }
    return results
  }

  /// The flattened name of a module of the base, with what stands before that of another.
  private static func stem(of tensor: String, beside stem: String) -> String {
    let prefix = PipelineComponent.table.lazy.flatMap(\.kohya).first { stem.hasPrefix("\($0)_") }
    return "\(prefix ?? "lora")_" + KohyaNames.path(of: tensor).replacing(".", with: "_")
  }

  /// What follows the number of the block.
  private static func words(_ tensor: String) -> String {
    let segments = KohyaNames.path(of: tensor).dottedSegments
    let number = segments.firstIndex { Int($0) != nil } ?? -1
    return segments[(number + 1)...].joined(separator: ".")
  }

  private static func words(ofFlattened stem: String) -> String {
    let segments = stem.split(separator: "_")
    let number = segments.firstIndex { Int($0) != nil } ?? -1
    return segments[(number + 1)...].joined(separator: "_")
  }
}
