/// A torch file of 0.1: a tar archive with the members `storages`, `tensors` and
/// `pickle`, the last of which names tensors by number.
struct TorchTar {
  static let maximumAxes = 64

  /// The object that was saved, with calls in the place of the numbers, as later
  /// versions of torch would have written it.
  let pickle: Pickle
  let storages: TorchStorages
  /// The globals that the file itself names.
  let globals: [TorchGlobal]

  init(_ file: InputFile) throws(CheckpointError) {
    let members = try TarMembers(file)
    let reader = try Reader(file, storages: members["storages"], tensors: members["tensors"])
    let start = try members["pickle"].lowerBound
    var pickle = try PickleMachine.run(PickleSource(file, at: start))
    // torch reads no other member; another program may.
    let others = members.all(except: ["storages", "tensors", "pickle"])
    globals =
      reader.globals + pickle.globals + others.flatMap { GlobalSurvey.inARow(file, $0) }
    for node in pickle.persistents {
      guard case .persistent(let identifier) = pickle[node],
        let key = pickle.storageKey(identifier), let tensor = reader.tensors[key]
      else { continue }
      try pickle.replace(node, with: tensor)
    }
    self.pickle = pickle
    storages = reader.places
  }

  /// A tensor as the member `tensors` has it.
  struct SavedTensor {
    var storage: TorchStorageReference
    var shape: [Int]
    var strides: [Int]
    var offset: Int
  }

  /// Reads the two members that hold storages and tensors.
  private struct Reader {
    let file: InputFile
    var references: [String: TorchStorageReference] = [:]
    var places = TorchStorages()
    var tensors: [String: SavedTensor] = [:]
    var globals: [TorchGlobal] = []

    init(_ file: InputFile, storages: Range<Int>, tensors: Range<Int>) throws(CheckpointError) {
      self.file = file
      try readStorages(storages)
      try readTensors(tensors)
    }

    private mutating func next(_ position: inout Int, in member: Range<Int>)
      throws(CheckpointError) -> Pickle
    {
      let pickle = try PickleMachine.run(PickleSource(file, at: position))
      guard pickle.end <= member.upperBound else {
        throw CheckpointError(offset: position, "a pickle goes on beyond its tar member")
      }
      globals += pickle.globals
      position = pickle.end
      return pickle
    }

    private mutating func count(_ position: inout Int, in member: Range<Int>)
      throws(CheckpointError) -> Int
    {
      let start = position
      let pickle = try next(&position, in: member)
      guard let count = pickle.integer(pickle.root), count >= 0 else {
        throw CheckpointError(
          offset: start, "a count expected, but found \(pickle.described(pickle.root))")
      }
      return count
    }

    private mutating func readStorages(_ member: Range<Int>) throws(CheckpointError) {
      var position = member.lowerBound
      for _ in 0..<(try count(&position, in: member)) {
        let start = position
        let pickle = try next(&position, in: member)
        guard let parts = pickle.items(pickle.root).map(Array.init), parts.count == 3,
          let key = pickle.storageKey(parts[0]),
          case .typedStorage(let type) = pickle.global(parts[2])?.meaning
        else {
          throw CheckpointError(offset: start, "a storage (key, location, class) expected")
        }
        var reader = StorageReader(file: file, position: position)
        let place = try reader.next(key, type)
        position = reader.position
        guard position <= member.upperBound else {
          throw CheckpointError(
            offset: start, "storage \(key.quoted) goes on beyond its tar member")
        }
        places.places[key] = place
        let bits = type.bitWidth
        references[key] = TorchStorageReference(
          key: key, type: type, count: bits == 0 ? 0 : place.byteCount / max(1, bits / 8))
      }
      try readViews(&position, in: member)
    }

    /// Reads the list of (key, root key, offset, count).
    private mutating func readViews(_ position: inout Int, in member: Range<Int>)
      throws(CheckpointError)
    {
      let start = position
      let pickle = try next(&position, in: member)
      for view in pickle.items(pickle.root) ?? [] {
        guard let parts = pickle.items(view).map(Array.init), parts.count == 4,
          let key = pickle.storageKey(parts[0]), let root = pickle.storageKey(parts[1]),
          var reference = references[root], let offset = pickle.integer(parts[2]),
          let count = pickle.integer(parts[3]), offset >= 0, count >= 0,
          offset <= reference.count, count <= reference.count - offset
        else {
          throw CheckpointError(
            offset: start, "a view (key, root, offset, count) inside a storage expected")
        }
        reference.start += offset
        reference.count = count
        reference.isPart = true
        references[key] = reference
      }
    }

    private mutating func readTensors(_ member: Range<Int>) throws(CheckpointError) {
      var position = member.lowerBound
      for _ in 0..<(try count(&position, in: member)) {
        let start = position
        let pickle = try next(&position, in: member)
        guard let parts = pickle.items(pickle.root).map(Array.init), parts.count == 3,
          let key = pickle.storageKey(parts[0]), let storage = pickle.storageKey(parts[1]),
          let reference = references[storage]
        else {
          throw CheckpointError(
            offset: start, "a tensor (key, storage, class) with a known storage expected")
        }
        tensors[key] = try layout(reference, &position, in: member)
      }
    }

    /// Reads the number of axes, sizes, strides and the offset.
    private func layout(
      _ storage: TorchStorageReference, _ position: inout Int, in member: Range<Int>
    ) throws(CheckpointError) -> SavedTensor {
      let start = position
      let room = min(member.upperBound - position, 16 + 16 * maximumAxes)
      var cursor = ByteCursor(try file.read(max(0, room), at: position), base: position)
      let axes = Int(try cursor.uint32("number of axes"))
      guard axes <= maximumAxes else {
        throw CheckpointError(
          offset: start, "a tensor has \(axes) axes; at most \(maximumAxes) are read")
      }
      try cursor.skip(4, "padding")
      var numbers: [Int] = []
      for _ in 0..<2 * axes + 1 {
        let number = try cursor.uint64("size")
        guard let number = Int(exactly: number) else {
          throw CheckpointError(offset: start, "a tensor claims a size of \(number)")
        }
        numbers.append(number)
      }
      position = cursor.offset
      return SavedTensor(
        storage: storage, shape: Array(numbers[..<axes]),
        strides: Array(numbers[axes..<2 * axes]), offset: numbers[2 * axes])
    }
  }
}
