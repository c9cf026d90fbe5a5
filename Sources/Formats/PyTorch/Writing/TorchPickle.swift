import Compute

/// The pickle of a state dict: a plain dictionary of tensors, each of which is a
/// whole storage in row-major order.
enum TorchPickle {
  /// How many entries Python's pickler sets at a time.
  private static let batchSize = 1000

  /// One entry of the dictionary.
  struct Entry {
    var name: String
    var type: TorchType
    var shape: [Int]
    /// The number of the storage.
    var storage: Int
    /// The elements of the storage.
    var count: Int
    var byteCount: Int
  }

  static func bytes(_ entries: [Entry]) -> [UInt8] {
    var writer = PickleWriter()
    writer.write(.emptyDictionary)
    for start in stride(from: 0, to: entries.count, by: batchSize) {
      writer.write(.mark)
      for entry in entries[start..<min(start + batchSize, entries.count)] {
        writer.text(entry.name)
        writer.tensor(entry)
      }
      writer.write(.setItems)
    }
    writer.write(.stop)
    return writer.bytes
  }
}

extension PickleWriter {
  /// Types that have a storage class of their own are rebuilt from that; the
  /// others from bytes and a dtype.
  fileprivate mutating func tensor(_ entry: TorchPickle.Entry) {
    let isTyped = entry.type.storage != nil
    global("torch._utils", isTyped ? "_rebuild_tensor_v2" : "_rebuild_tensor_v3")
    write(.mark)
    storage(entry)
    integer(0)
    tuple(entry.shape)
    tuple(TorchPickle.strides(of: entry.shape))
    // No gradient and no hooks.
    write(.newFalse)
    global("collections", "OrderedDict")
    write(.emptyTuple)
    write(.reduce)
    if !isTyped { global("torch", entry.type.name) }
    write(.tuple)
    write(.reduce)
  }

  private mutating func storage(_ entry: TorchPickle.Entry) {
    write(.mark)
    knownText("storage")
    if let storage = entry.type.storage {
      global("torch", storage + "Storage")
    } else {
      global("torch.storage", "UntypedStorage")
    }
    text(String(entry.storage))
    knownText("cpu")
    integer(entry.type.storage == nil ? entry.byteCount : entry.count)
    write(.tuple)
    write(.persistentID)
  }
}

extension TorchPickle {
  /// The strides of a tensor in row-major order, as torch has them: an axis of
  /// size 0 counts as one of size 1.
  static func strides(of shape: [Int]) -> [Int] {
    var strides = [Int](repeating: 1, count: shape.count)
    for axis in shape.indices.dropLast().reversed() {
      // Only without any element can this be more than the tensor has bytes; the
      // layout has refused what does not fit.
      strides[axis] =
        strides[axis + 1].multipliedReportingOverflow(
          by: max(1, shape[axis + 1])
        ).partialValue
    }
    return strides
  }
}
