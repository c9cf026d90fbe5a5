/// The header of a dataset or group: a row of messages.
struct HDF5Object {
  private var messages = HDF5Bytes()
  private var count: UInt16 = 0
  /// How many links lead to it.
  var linkCount = 1

  /// The kinds of messages that are written.
  private enum Kind: UInt16 {
    case space = 1
    case type = 3
    case fill = 5
    case layout = 8
    case filters = 11
    case attribute = 12
    case group = 17
  }

  /// The bytes of the whole header.
  var bytes: [UInt8] {
    var header = HDF5Bytes()
    header.byte(1)
    header.byte(0)
    header.integer(count)
    header.integer(UInt32(linkCount))
    header.integer(UInt32(messages.count))
    header.zeros(4)
    header.append(messages.bytes)
    return header.bytes
  }

  private mutating func add(_ kind: Kind, isConstant: Bool = false, _ body: [UInt8]) {
    var padded = HDF5Bytes()
    padded.append(body)
    padded.pad()
    messages.integer(kind.rawValue)
    // What is written here is short; names and shapes have been checked.
    messages.integer(UInt16(padded.count))
    messages.byte(isConstant ? 1 : 0)
    messages.zeros(3)
    messages.append(padded.bytes)
    count += 1
  }

  /// A group whose links are in this tree and have their names in this heap.
  mutating func addGroup(tree: Int, heap: Int) {
    var body = HDF5Bytes()
    body.address(tree)
    body.address(heap)
    add(.group, body.bytes)
  }

  mutating func addSpace(_ shape: [Int]) { add(.space, Self.space(shape)) }

  mutating func addType(_ type: HDF5Type) { add(.type, isConstant: true, type.message) }

  /// Zeros where nothing is written; `isEarly` where everything has its place at once.
  mutating func addFill(isEarly: Bool) {
    // Version, time of allocation, time of filling (if one is set), defined, no bytes.
    add(.fill, isConstant: true, [2, isEarly ? 1 : 3, 2, 1, 0, 0, 0, 0])
  }

  /// One range of the file.
  mutating func addContiguous(_ offset: Int, byteCount: Int) {
    var body = HDF5Bytes()
    body.byte(3)
    body.byte(1)
    body.integer(byteCount == 0 ? HDF5Bytes.nowhere : UInt64(offset))
    body.address(byteCount)
    add(.layout, body.bytes)
  }

  /// Blocks of this shape, found through a tree.
  mutating func addChunked(_ grid: ChunkGrid, tree: Int) {
    var body = HDF5Bytes()
    body.byte(3)
    body.byte(2)
    body.byte(UInt8(grid.chunkShape.count + 1))
    body.address(tree)
    for size in grid.chunkShape { body.integer(UInt32(size)) }
    body.integer(UInt32(grid.width))
    add(.layout, body.bytes)
  }

  /// What is done to each block; any of it can be left out.
  mutating func addFilters(_ filters: [HDF5Filter]) {
    var body = HDF5Bytes()
    body.byte(1)
    body.byte(UInt8(filters.count))
    body.zeros(6)
    for filter in filters {
      var name = HDF5Bytes()
      if !filter.name.isEmpty { name.name(filter.name) }
      body.integer(UInt16(filter.identifier))
      body.integer(UInt16(name.count))
      body.integer(UInt16(1))
      body.integer(UInt16(filter.values.count))
      body.append(name.bytes)
      for value in filter.values { body.integer(value) }
      if filter.values.count % 2 != 0 { body.zeros(4) }
    }
    add(.filters, isConstant: true, body.bytes)
  }

  /// An attribute; `data` is of this type and shape.
  mutating func addAttribute(_ name: String, _ type: HDF5Type, _ shape: [Int], _ data: [UInt8]) {
    let space = Self.space(shape)
    var body = HDF5Bytes()
    body.byte(1)
    body.byte(0)
    body.integer(UInt16(name.utf8.count + 1))
    body.integer(UInt16(type.message.count))
    body.integer(UInt16(space.count))
    body.name(name)
    body.append(type.message)
    body.pad()
    body.append(space)
    body.append(data)
    add(.attribute, body.bytes)
  }

  private static func space(_ shape: [Int]) -> [UInt8] {
    var body = HDF5Bytes()
    body.byte(1)
    body.byte(UInt8(shape.count))
    body.zeros(6)
    for size in shape { body.address(size) }
    return body.bytes
  }
}
