/// The storages of a torch file: where the bytes of each key are.
struct TorchStorages: Sendable {
  /// The bytes of one storage.
  struct Place: Sendable {
    var extent: Extent
    var codec: Codec
    /// The decoded bytes.
    var byteCount: Int
  }

  /// Keys in lower case, as torch finds records without regard to case.
  var places: [String: Place] = [:]
  var isBigEndian = false

  subscript(key: String) -> Place? { places[key.asciiLowercased] }
}

/// What a pickle says of a storage: a persistent identifier, decoded.
struct TorchStorageReference: Sendable {
  var key: String
  /// The element type; nil for an untyped storage, which counts bytes.
  var type: TorchType?
  /// The elements of the storage, or of the part that a legacy view names.
  var count: Int
  /// Where that part begins, in elements.
  var start = 0
  /// Whether it is a part of the storage with this key.
  var isPart = false

  /// The bytes of the storage as the pickle claims them.
  var byteCount: Int? { (type ?? .byte).byteCount(of: count) }
}

extension Pickle {
  /// Decodes `('storage', class, key, location, count[, view])`. The location is
  /// of no interest: nothing is put on a device.
  func storage(_ node: Node) throws(CheckpointError) -> TorchStorageReference {
    guard case .persistent(let identifier) = self[node] else {
      throw CheckpointError("a storage expected, but found \(kind(node))")
    }
    guard let items = tuple(identifier), items.count == 5 || items.count == 6 else {
      throw CheckpointError(
        "a persistent identifier ('storage', class, key, location, count) expected, "
          + "but found \(kind(identifier))")
    }
    let parts = Array(items)
    guard isText(parts[0], "storage") else {
      throw CheckpointError(
        "a persistent identifier ('storage', class, key, location, count) expected, "
          + "but found \(kind(identifier))")
    }
    let type: TorchType?
    switch global(parts[1])?.meaning {
    case .typedStorage(let element): type = element
    case .untypedStorage: type = nil
    default: throw CheckpointError("a storage class expected, but found \(kind(parts[1]))")
    }
    guard let key = text(parts[2]) ?? integer(parts[2]).map(String.init) else {
      throw CheckpointError("a storage key expected, but found \(kind(parts[2]))")
    }
    guard let count = integer(parts[4]), count >= 0 else {
      throw CheckpointError(
        "storage \(key.quoted): a count of elements expected, but found \(described(parts[4]))")
    }
    var reference = TorchStorageReference(key: key, type: type, count: count)
    if parts.count == 6 { try reference.narrow(to: parts[5], in: self) }
    return reference
  }
}

extension TorchStorageReference {
  /// Takes in the view of a legacy file: None or (view key, offset, size).
  fileprivate mutating func narrow(to view: Pickle.Node, in pickle: Pickle)
    throws(CheckpointError)
  {
    if case .none = pickle[view] { return }
    guard let parts = pickle.tuple(view), parts.count == 3,
      let offset = pickle.integer(parts[parts.startIndex + 1]),
      let size = pickle.integer(parts[parts.startIndex + 2]),
      offset >= 0, size >= 0, offset <= count, size <= count - offset
    else {
      throw CheckpointError(
        "storage \(key.quoted): a view (key, offset, size) inside its \(count) elements expected")
    }
    isPart = true
    start = offset
    count = size
  }
}
