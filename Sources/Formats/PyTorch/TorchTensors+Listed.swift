import Compute

/// Tensors that are listed under their own type name, without data of their own
/// to convert.
extension TorchTensors {
  func meta(_ rebuild: Rebuild, name: String) throws(CheckpointError) -> Tensor {
    try rebuild.check(4...4)
    let layout = TorchLayout(
      type: try dtype(rebuild.arguments[0]), shape: try pickle.sizes(rebuild.arguments[1], "size"),
      strides: [], offset: 0)
    _ = try layout.elementCount()
    return listed(name, layout.type.type, layout.shape)
  }

  /// `(layout, (indices…, values, size, …))`.
  mutating func sparse(_ rebuild: Rebuild, name: String) throws(CheckpointError) -> Tensor {
    try rebuild.check(2...2)
    // Two or three tensors, the size, and whether the indices are coalesced.
    let parts = Array((pickle.items(rebuild.arguments[1]) ?? []).prefix(8))
    let tensors = parts.prefix { isTensor($0) }
    guard let last = tensors.last, let values = self.rebuild(last), tensors.count < parts.count
    else {
      throw CheckpointError("a sparse tensor's indices, values and size expected")
    }
    guard !values.kind.isComposite else {
      throw CheckpointError("a dense tensor expected as the values of a sparse one")
    }
    let type = try tensor(values, name: name).record.type
    let layout = TorchLayout(
      type: .byte, shape: try pickle.sizes(parts[tensors.count], "size"), strides: [], offset: 0)
    _ = try layout.elementCount()
    return listed(name, type.inside(layoutName(rebuild.arguments[0])), layout.shape)
  }

  /// `(buffer, sizes, strides, offsets)`.
  mutating func nested(_ rebuild: Rebuild, name: String) throws(CheckpointError) -> Tensor {
    try rebuild.check(4...4)
    guard let buffer = self.rebuild(rebuild.arguments[0]),
      let sizes = self.rebuild(rebuild.arguments[1]),
      !buffer.kind.isComposite, !sizes.kind.isComposite
    else {
      throw CheckpointError("a nested tensor's buffer and sizes expected")
    }
    let type = try tensor(buffer, name: name).record.type
    let rows = try tensor(sizes, name: name).record.shape.first ?? 0
    return listed(name, type.inside("nested"), [rows])
  }

  /// `({"values": …, "offsets": …},)`: rows of different length in one tensor.
  mutating func jagged(_ rebuild: Rebuild, name: String) throws(CheckpointError) -> Tensor {
    guard let parts = rebuild.arguments.first,
      let values = pickle.value("values", in: parts).flatMap({ self.rebuild($0) }),
      let offsets = pickle.value("offsets", in: parts).flatMap({ self.rebuild($0) }),
      !values.kind.isComposite, !offsets.kind.isComposite
    else {
      throw CheckpointError("a jagged tensor's values and offsets expected")
    }
    let type = try tensor(values, name: name).record.type
    let ends = try tensor(offsets, name: name).record.shape.first ?? 0
    return listed(name, type.inside("nested"), [max(0, ends - 1)])
  }

  /// `(class, dtype, size, …)`: a tensor whose data only its class could tell.
  func wrapper(_ rebuild: Rebuild, name: String) throws(CheckpointError) -> Tensor {
    guard rebuild.arguments.count >= 3 else {
      throw CheckpointError(
        "\(rebuild.function.name) takes a class, a dtype and a size, but found "
          + "\(rebuild.arguments.count) arguments")
    }
    let layout = TorchLayout(
      type: try dtype(rebuild.arguments[1]), shape: try pickle.sizes(rebuild.arguments[2], "size"),
      strides: [], offset: 0)
    _ = try layout.elementCount()
    let className = pickle.global(rebuild.arguments[0])?.name ?? "wrapper"
    return listed(name, layout.type.type.inside(className), layout.shape)
  }

  private func listed(_ name: String, _ type: TensorType, _ shape: [Int]) -> Tensor {
    Tensor(record: TensorRecord(name: name, type: type, shape: shape, bytes: nil), storage: nil)
  }

  /// The name of a layout without `torch.`: a global, or a call that looks it up.
  private func layoutName(_ node: Pickle.Node) -> String {
    let name =
      pickle.global(node)?.attribute
      ?? pickle.call(node)?.arguments.first.flatMap { pickle.text($0) }
      ?? "sparse"
    return name.hasPrefix("torch.") ? String(name.dropFirst(6)) : name
  }
}

extension TorchGlobal.Rebuild {
  /// Whether it makes a tensor out of other tensors, of which none may be such a
  /// one again.
  fileprivate var isComposite: Bool { self == .sparse || self == .nested || self == .jagged }
}

extension TensorType {
  /// The type of a tensor that holds elements of this type in another way than
  /// one after the other.
  fileprivate func inside(_ container: String) -> TensorType {
    .foreign(name: "\(container) \(name)", bitWidth: bitWidth)
  }
}
