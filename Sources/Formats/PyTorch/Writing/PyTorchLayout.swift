import Compute
public import OrderedCollections

/// Lays out a PyTorch file as `torch.save` of 1.6 and later would hold it: a zip
/// archive of a pickle and one stored record for each storage.
///
/// There is nothing in it that an older torch, a memory map or another reader
/// could stumble over; sizes and checksums are in every header.
public enum PyTorchLayout {
  /// The layout for `tensors`, whose names are unique. Names of the same data
  /// share a storage.
  ///
  /// Metadata that a file of safetensors would not get back by itself goes into a
  /// record of its own, which torch does not look at.
  public static func layout(
    _ tensors: [OutputTensor], metadata: OrderedDictionary<String, String>
  ) throws(CheckpointError) -> OutputLayout {
    var names: [(order: Int, entry: TorchPickle.Entry)] = []
    for (storage, tensor) in tensors.enumerated() {
      let entry = try entry(of: tensor, storage: storage)
      names.append((tensor.order, entry))
      for alias in tensor.aliases {
        var named = entry
        named.name = alias.name
        names.append((alias.order, named))
      }
    }
    let sorted = names.indices.sorted { (names[$0].order, $0) < (names[$1].order, $1) }
    let pickle = TorchPickle.bytes(sorted.map { names[$0].entry })
    var entries = [
      record("data.pkl", .known(pickle)), record("byteorder", .known(Array("little".utf8))),
    ]
    let first = entries.count
    for (storage, tensor) in tensors.enumerated() {
      entries.append(record("data/\(storage)", .later(tensor.byteCount)))
    }
    entries.append(record("version", .known(Array("3\n".utf8))))
    if let bytes = TorchMetadata.bytes(metadata) {
      entries.append(record(TorchMetadata.record, .known(bytes)))
    }
    let zip = try ZipLayout(entries)
    let places = zip.places[first..<first + tensors.count]
    return OutputLayout(
      fixed: zip.fixed, offsets: places.map(\.data), byteCount: zip.byteCount,
      checksumOffsets: places.map(\.checksums))
  }

  /// Why torch cannot hold a tensor of this type and shape, or nil where it can.
  public static func refusal(_ type: TensorType, shape: [Int]) -> String? {
    guard let torch = TorchType.writing(type) else {
      if type.element != nil { return "is \(type.name), for which PyTorch has no type" }
      return type.name.hasPrefix("q")
        ? "is \(type.name), whose scale would be lost; quantised tensors are not written"
        : "is \(type.name), which is listed but not written"
    }
    if torch == .pairedFloat4, type.element != nil, (shape.last ?? 1) % 2 != 0 {
      return "is F4 of shape \(shape); PyTorch holds F4 in pairs along the last axis"
    }
    return nil
  }

  private static func record(_ name: String, _ contents: ZipLayout.Contents) -> ZipLayout.Entry {
    ZipLayout.Entry(name: "archive/\(name)", contents: contents)
  }

  private static func entry(of tensor: OutputTensor, storage: Int) throws(CheckpointError)
    -> TorchPickle.Entry
  {
    if let refusal = refusal(tensor.type, shape: tensor.shape) {
      throw CheckpointError(
        tensor: tensor.name, refusal, fix: "leave the tensor out with --exclude")
    }
    guard let type = TorchType.writing(tensor.type) else {
      preconditionFailure("a type without a dtype has just been refused")
    }
    guard UInt32(exactly: tensor.name.utf8.count) != nil else {
      throw CheckpointError("a name of \(tensor.name.utf8.count) bytes is too long for a pickle")
    }
    var shape = tensor.shape
    // Pairs that were read as such are counted as pairs already.
    if type == .pairedFloat4, tensor.type.element != nil { shape[shape.count - 1] /= 2 }
    try checkStrides(shape, of: tensor)
    return TorchPickle.Entry(
      name: tensor.name, type: type, shape: shape, storage: storage,
      count: shape.reduce(1, *), byteCount: tensor.byteCount)
  }

  /// A tensor without elements can have sizes whose product is beyond all numbers.
  private static func checkStrides(_ shape: [Int], of tensor: OutputTensor)
    throws(CheckpointError)
  {
    var product = 1
    for size in shape {
      let (next, overflow) = product.multipliedReportingOverflow(by: max(1, size))
      guard !overflow else {
        throw CheckpointError(
          tensor: tensor.name, "has the shape \(tensor.shape), whose strides torch cannot count",
          fix: "leave the tensor out with --exclude")
      }
      product = next
    }
  }
}

extension TorchType {
  /// The dtype under which torch holds a plain tensor of this type, or nil.
  fileprivate static func writing(_ type: TensorType) -> TorchType? {
    switch type {
    case .element(.f4): return pairedFloat4
    case .element(let element): return byElement[element]
    case .foreign(let name, _):
      // A quantised tensor is more than its numbers.
      guard let row = byName[name], row.bitWidth % 8 == 0, !name.hasPrefix("q") else { return nil }
      return row
    }
  }

  private static let byElement = Dictionary(
    uniqueKeysWithValues: byName.values.compactMap { row in row.type.element.map { ($0, row) } })
}
