/// A torch file from before 1.6: pickles one after the other (the magic number,
/// the protocol version, facts of the system, the object, the storage keys) and
/// then, for each key, a count and the raw data.
struct TorchLegacy {
  private static let protocolVersion = 1001
  /// torch's magic number, 0x1950A86A20F9469CFC6C, as a pickle holds it.
  private static let magic: [UInt8] = [
    0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19,
  ]

  /// The object that was saved.
  let pickle: Pickle
  let storages: TorchStorages
  /// The globals that any of the pickles names; Python runs them all.
  let globals: [TorchGlobal]
  /// The position of the first byte that belongs to none of it.
  let end: Int

  /// Whether the first pickle of a file is torch's magic number.
  static func begins(_ file: InputFile) -> Bool {
    guard let first = try? PickleMachine.run(PickleSource(file, at: 0)),
      case .wideInteger(let start, let count) = first[first.root]
    else { return false }
    return first.bytes[Int(start)..<Int(start) + Int(count)].elementsEqual(magic)
  }

  init(_ file: InputFile) throws(CheckpointError) {
    let magic = try Self.next(file, at: 0, "magic number")
    let version = try Self.next(file, at: magic.end, "protocol version")
    guard version.integer(version.root) == Self.protocolVersion else {
      throw CheckpointError(
        offset: magic.end,
        "legacy protocol \(version.described(version.root)); "
          + "expected \(Self.protocolVersion)")
    }
    // Its byte order is of no interest: torch always writes little-endian here.
    let system = try Self.next(file, at: version.end, "system information")
    pickle = try Self.next(file, at: system.end, "object")
    let keys = try Self.next(file, at: pickle.end, "list of storage keys")
    globals = [magic, version, system, pickle, keys].flatMap(\.globals)
    var reader = StorageReader(file: file, position: keys.end)
    let types = pickle.storageTypes
    guard let items = keys.items(keys.root) else {
      throw CheckpointError(
        offset: pickle.end, "a list of storage keys expected, but found \(keys.kind(keys.root))")
    }
    var storages = TorchStorages()
    for item in items {
      guard let key = keys.storageKey(item), let type = types[key] else {
        throw CheckpointError(
          offset: pickle.end,
          "the storage key \(keys.described(item)) is none that the pickle names")
      }
      guard storages.places[key] == nil else {
        throw CheckpointError(
          offset: pickle.end, "the storage key \(key.quoted) is listed twice")
      }
      storages.places[key] = try reader.next(key, type)
    }
    self.storages = storages
    end = reader.position
  }

  private static func next(_ file: InputFile, at position: Int, _ what: String)
    throws(CheckpointError) -> Pickle
  {
    do throws(CheckpointError) {
      return try PickleMachine.run(PickleSource(file, at: position))
    } catch {
      var error = error
      error.message = "\(what): \(error.message)"
      throw error
    }
  }
}

/// Reads storages as legacy files have them: the count of elements, then the
/// elements.
struct StorageReader {
  let file: InputFile
  var position: Int

  mutating func next(_ key: String, _ type: TorchType) throws(CheckpointError)
    -> TorchStorages.Place
  {
    var cursor = ByteCursor(try file.read(8, at: position), base: position)
    let claimed = Int64(bitPattern: try cursor.uint64("count of elements"))
    let start = position + 8
    guard claimed >= 0, let byteCount = type.byteCount(of: Int(claimed)),
      byteCount <= file.size - start
    else {
      throw CheckpointError(
        offset: position,
        """
        storage \(key.quoted) claims \(claimed) elements of \(type.name), \
        but the file ends \(file.size - start) bytes on
        """)
    }
    position = start + byteCount
    return .init(
      extent: Extent(file: file, offset: start, count: byteCount), codec: .stored,
      byteCount: byteCount)
  }
}

extension Pickle {
  /// A storage key in lower case, as `TorchStorages` has it, or nil.
  func storageKey(_ node: Node) -> String? {
    (text(node) ?? integer(node).map(String.init))?.asciiLowercased
  }

  /// The element type of each storage that the pickle names.
  fileprivate var storageTypes: [String: TorchType] {
    var types: [String: TorchType] = [:]
    for node in persistents {
      // Other identifiers carry the source code of classes.
      guard let reference = try? storage(node) else { continue }
      types[reference.key.asciiLowercased] = reference.type ?? .byte
    }
    return types
  }
}
