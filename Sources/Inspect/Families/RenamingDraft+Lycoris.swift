import Formats

/// What PEFT has to be told of the factors of LyCORIS.
extension RenamingDraft {
  /// Gives the lengths of DoRA the shape that PEFT has for them: a row for a linear module,
  /// and four axes for a convolution; and says whether all modules have them.
  mutating func placeMagnitudes(_ shapes: [ExactName: [Int]?]) throws(CheckpointError) -> Bool {
    var count = 0
    var modules = Set<String>()
    for position in tensors.indices {
      let record = tensors[position].record
      let key = AdapterKey(peft: record.name)
      modules.insert(key.target)
      guard case .leaf(let leaf, _) = key.content, leaf.role == .magnitude else { continue }
      count += 1
      guard case let shape?? = shapes[ExactName("\(key.target).weight")] else { continue }
      guard let rows = shape.first, record.shape.first == rows, record.elementCount == rows else {
        throw CheckpointError(
          path: path, tensor: record.name,
          "has the shape \(record.shape), one length for each input; PEFT has one for each of the "
            + "\(shape.first ?? 0) outputs")
      }
      tensors[position].record.setOnlyAxis(
        shape.count > 2 ? 1 : 0, of: shape.count > 2 ? shape.count : 1)
    }
    guard count > 0, count < modules.count else { return count > 0 }
    throw CheckpointError(
      path: path,
      "\(count) of the \(modules.count) modules have a dora_scale; a PEFT adapter has one for all "
        + "modules or for none",
      fix: "choose the modules of one kind with --include")
  }

  /// Gives the lengths of DoRA the shape that LyCORIS has for them.
  mutating func placeScales() {
    for position in tensors.indices where tensors[position].record.name.hasSuffix(".dora_scale") {
      let count = tensors[position].record.shape.count
      tensors[position].record.setOnlyAxis(0, of: max(2, count))
    }
  }

  /// What the configuration of an adapter of LoHa or LoKr says beside its ranks.
  func factorFields(_ method: LycorisMethod, _ shapes: [ExactName: [Int]?])
    throws(CheckpointError) -> [JSONMember]
  {
    let leaves = tensors.map { LycorisMethod.leaf(of: $0.record) }
    let hasCore = leaves.contains(where: LycorisMethod.isCore)
    var fields = [JSONMember("use_effective_conv2d", .bool(hasCore))]
    if method.type == LycorisMethod.lokr.type {
      let factor = try KroneckerShapes(tensors.map(\.record), shapes, path: path).factor
      fields += [
        JSONMember("decompose_both", .bool(leaves.contains("lokr_w1_a"))),
        JSONMember("decompose_factor", .number("\(factor)")),
      ]
    }
    return fields
  }
}
