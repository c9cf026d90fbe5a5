/// A B-tree of HDF5's first version: nodes of a fixed size, each with keys around its
/// children.
struct HDF5Tree {
  /// The bytes of all nodes, one after the other, and where the root is.
  private(set) var bytes = HDF5Bytes()
  private(set) var root = 0

  private let type: UInt8
  private let capacity: Int
  private let keyByteCount: Int

  /// A child and the key before it.
  struct Entry {
    var key: [UInt8]
    var child: Int
  }

  /// The tree over `entries`, in order, which lies at `address`; `last` is the key behind
  /// all. A node has at most `capacity` children.
  init(type: UInt8, _ entries: [Entry], last: [UInt8], capacity: Int, address: Int) {
    self.type = type
    self.capacity = capacity
    keyByteCount = last.count
    var level: UInt8 = 0
    var rest = entries
    repeat {
      rest = add(rest, last: last, level: level, address: address)
      level += 1
    } while rest.count > 1
    root = rest[0].child
  }

  /// Adds the nodes over `entries` and returns what leads to each.
  private mutating func add(_ entries: [Entry], last: [UInt8], level: UInt8, address: Int)
    -> [Entry]
  {
    var nodes: [Entry] = []
    let starts = Array(stride(from: 0, to: max(1, entries.count), by: capacity))
    let byteCount = Self.nodeByteCount(capacity, keyByteCount)
    let first = address + bytes.count
    for (position, start) in starts.enumerated() {
      let end = min(start + capacity, entries.count)
      let place = first + position * byteCount
      var node = HDF5Bytes()
      node.append(Array("TREE".utf8))
      node.byte(type)
      node.byte(level)
      node.integer(UInt16(end - start))
      node.integer(position > 0 ? UInt64(place - byteCount) : HDF5Bytes.nowhere)
      node.integer(position + 1 < starts.count ? UInt64(place + byteCount) : HDF5Bytes.nowhere)
      for entry in entries[start..<end] {
        node.append(entry.key)
        node.address(entry.child)
      }
      node.append(end < entries.count ? entries[end].key : last)
      node.zeros(byteCount - node.count)
      nodes.append(Entry(key: entries.isEmpty ? last : entries[start].key, child: place))
      bytes.append(node.bytes)
    }
    return nodes
  }

  private static func nodeByteCount(_ capacity: Int, _ keyByteCount: Int) -> Int {
    24 + capacity * 8 + (capacity + 1) * keyByteCount
  }
}

extension HDF5Tree {
  /// The children of a node over blocks: what HDF5 takes where the superblock says
  /// nothing of it.
  private static let chunkCapacity = 64

  /// The tree over the blocks of a tensor; of the same size whatever is known of them.
  init(_ grid: ChunkGrid, _ chunks: [HDF5Image.Chunk]?, address: Int) {
    let entries = (0..<grid.count).map { position in
      let chunk = chunks?[position] ?? HDF5Image.Chunk(offset: 0, byteCount: 0, mask: 0)
      return Entry(
        key: Self.key(chunk.byteCount, chunk.mask, grid.place(of: position), element: 0),
        child: chunk.offset)
    }
    // Behind all others in every respect.
    let last = zip(grid.place(of: grid.count - 1), grid.chunkShape).map { $0 + $1 }
    self.init(
      type: 1, entries, last: Self.key(0, 0, last, element: grid.width),
      capacity: Self.chunkCapacity, address: address)
  }

  private static func key(_ byteCount: Int, _ mask: UInt32, _ place: [Int], element: Int)
    -> [UInt8]
  {
    var key = HDF5Bytes()
    key.integer(UInt32(byteCount))
    key.integer(mask)
    for index in place { key.address(index) }
    key.address(element)
    return key.bytes
  }
}
