/// Reads the tensors that a pickle describes, against the storages of its file.
struct TorchTensors {
  /// Wrappers around a tensor: a parameter of a subclass has two or three.
  private static let maximumWrappers = 16

  let pickle: Pickle
  let storages: TorchStorages
  /// What the pickle first said of each storage.
  private(set) var references: [String: TorchStorageReference] = [:]
  /// Storages that the pickle gives two element types.
  private(set) var retyped: Set<String> = []
  /// Tensors of a big-endian file whose byte order nobody can tell.
  private(set) var ambiguous: [String] = []

  init(pickle: Pickle, storages: TorchStorages) {
    self.pickle = pickle
    self.storages = storages
    references.reserveCapacity(storages.places.count)
  }

  /// A call that makes a tensor, without the wrappers around it.
  struct Rebuild {
    var function: TorchGlobal
    var kind: TorchGlobal.Rebuild
    var arguments: Arguments
  }

  /// The arguments of a call by position, not copied: a pickle can give a million
  /// calls the same million arguments.
  struct Arguments: RandomAccessCollection {
    var items: ArraySlice<Pickle.Node>
    var startIndex: Int { 0 }
    var endIndex: Int { items.count }
    subscript(position: Int) -> Pickle.Node { items[items.startIndex + position] }
  }

  /// A tensor that is read.
  struct Tensor {
    var record: TensorRecord
    /// The key of its storage, if it has one.
    var storage: String?
  }

  func isTensor(_ node: Pickle.Node) -> Bool { rebuild(node) != nil }

  /// The call that makes the tensor at `node`, or nil where there is none.
  func rebuild(_ node: Pickle.Node) -> Rebuild? {
    guard var call = pickle.call(node) else { return nil }
    for _ in 0..<Self.maximumWrappers {
      guard case .rebuild(let kind) = call.global.meaning else { return nil }
      switch kind {
      case .parameter:
        guard let inner = call.arguments.first.flatMap({ pickle.call($0) }) else { return nil }
        call = inner
      case .fromType:
        let arguments = Arguments(items: call.arguments)
        guard arguments.count >= 3, let function = pickle.global(arguments[0]),
          let inner = pickle.tuple(arguments[2])
        else { return nil }
        call = (function, inner)
      default:
        return Rebuild(
          function: call.global, kind: kind, arguments: Arguments(items: call.arguments))
      }
    }
    return nil
  }

  /// Reads the tensor that `rebuild` makes.
  mutating func tensor(_ rebuild: Rebuild, name: String) throws(CheckpointError) -> Tensor {
    do throws(CheckpointError) {
      return switch rebuild.kind {
      case .tensor: try dense(rebuild, name: name, 4...4)
      case .tensorV2: try dense(rebuild, name: name, 6...7, metadata: 6)
      case .tensorV3: try dense(rebuild, name: name, 7...8, metadata: 7, dtype: 6)
      case .quantised: try dense(rebuild, name: name, 7...7)
      case .meta: try meta(rebuild, name: name)
      case .sparse: try sparse(rebuild, name: name)
      case .nested: try nested(rebuild, name: name)
      case .jagged: try jagged(rebuild, name: name)
      case .wrapperSubclass, .parameter, .fromType: try wrapper(rebuild, name: name)
      }
    } catch {
      throw error.with(tensor: name)
    }
  }

  private mutating func dense(
    _ rebuild: Rebuild, name: String, _ arity: ClosedRange<Int>, metadata: Int? = nil,
    dtype: Int? = nil
  ) throws(CheckpointError) -> Tensor {
    try rebuild.check(arity)
    let arguments = rebuild.arguments
    let reference = try pickle.storage(arguments[0])
    let type = try dtype.map { (at) throws(CheckpointError) in try self.dtype(arguments[at]) }
    var layout = TorchLayout(
      type: type ?? reference.type ?? .byte,
      shape: try pickle.sizes(arguments[2], "size"),
      strides: try pickle.sizes(arguments[3], "stride"),
      offset: try pickle.size(arguments[1], "offset"))
    if let metadata, arguments.indices.contains(metadata) {
      layout.transforms = lazyBits(arguments[metadata])
    }
    if storages.isBigEndian, layout.type.bitWidth > 8 {
      // torch turns the bytes by the class of the storage, so those of an
      // untyped one stay as they are.
      if reference.type == nil {
        ambiguous.append(name)
      } else {
        layout.transforms.insert(.swapBytes)
      }
    }
    let place = try place(of: reference)
    return Tensor(record: try layout.record(name, in: place, reference), storage: reference.key)
  }

  func dtype(_ node: Pickle.Node) throws(CheckpointError) -> TorchType {
    guard case .dtype(let type) = pickle.global(node)?.meaning else {
      throw CheckpointError("a dtype expected, but found \(pickle.kind(node))")
    }
    return type
  }

  private func lazyBits(_ node: Pickle.Node) -> ElementTransforms {
    var transforms: ElementTransforms = []
    for (key, transform) in [("conj", ElementTransforms.conjugate), ("neg", .negate)]
    where pickle.value(key, in: node).flatMap({ pickle.bool($0) }) == true {
      transforms.insert(transform)
    }
    return transforms
  }

  /// Finds the bytes of a storage and checks that they are as many as the pickle
  /// says, and that it says the same each time.
  private mutating func place(of reference: TorchStorageReference) throws(CheckpointError)
    -> TorchStorages.Place
  {
    let key = reference.key
    guard let place = storages[key] else {
      throw CheckpointError("storage \(key.quoted) has no record in the file")
    }
    if let first = references[key] {
      if first.type != reference.type { retyped.insert(key) }
    } else {
      references[key] = reference
    }
    // A legacy view is a part; its bounds are checked with the tensor's.
    guard reference.isPart || reference.byteCount == place.byteCount else {
      let type = reference.type?.name ?? "untyped"
      throw CheckpointError(
        path: place.extent.file.path, offset: place.extent.offset,
        """
        storage \(key.quoted) has \(place.byteCount) bytes, but the pickle gives it \
        \(reference.count) elements (\(type))
        """)
    }
    return place
  }
}

extension TorchTensors.Rebuild {
  func check(_ arity: ClosedRange<Int>) throws(CheckpointError) {
    guard arity.contains(arguments.count) else {
      let wanted =
        arity.count == 1 ? "\(arity.lowerBound)" : "\(arity.lowerBound) or \(arity.upperBound)"
      throw CheckpointError(
        "\(function.name) takes \(wanted) arguments, but found \(arguments.count)")
    }
  }
}

extension Pickle {
  /// A tuple of sizes: a tuple, a list, or a `torch.Size` of one.
  func sizes(_ node: Node, _ what: String) throws(CheckpointError) -> [Int] {
    var node = node
    if let call = call(node), call.global.meaning == .size || call.global.meaning == .firstArgument,
      let inner = call.arguments.first
    {
      node = inner
    }
    guard let items = items(node) else {
      throw CheckpointError("a tuple expected as \(what), but found \(kind(node))")
    }
    guard items.count <= TorchLayout.maximumRank else {
      throw CheckpointError("has \(items.count) axes; at most \(TorchLayout.maximumRank) are read")
    }
    var sizes: [Int] = []
    sizes.reserveCapacity(items.count)
    for item in items { sizes.append(try size(item, what)) }
    return sizes
  }

  func size(_ node: Node, _ what: String) throws(CheckpointError) -> Int {
    guard let value = integer(node), value >= 0 else {
      throw CheckpointError(
        "a number from 0 on expected as \(what), but found \(described(node))")
    }
    return value
  }
}
