/// The links of a group as HDF5 1.6 and all later libraries read them: names on a heap,
/// tables of symbols, and a tree over these.
struct HDF5Group {
  /// Half of the symbols that a table holds, and of the children that a node has, as the
  /// superblock says.
  static let symbolHalf = 32
  static let nodeHalf = 16

  private(set) var bytes = HDF5Bytes()
  private(set) var tree = 0
  private(set) var heap = 0

  /// A name and the address of the header that it leads to.
  struct Link {
    var name: String
    var header: Int
  }

  /// The group of `links`, whose names differ, at `address`.
  init(_ links: [Link], address: Int) {
    let sorted = links.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    // The heap begins with the empty name.
    var names = HDF5Bytes()
    names.zeros(8)
    let places = sorted.map { link in
      defer { names.name(link.name) }
      return names.count
    }
    heap = address
    bytes.append(Array("HEAP".utf8))
    bytes.zeros(4)
    bytes.address(names.count)
    // 1 stands for no free space.
    bytes.address(1)
    bytes.address(address + 32)
    bytes.append(names.bytes)
    addSymbols(sorted, places, address)
  }

  private mutating func addSymbols(_ links: [Link], _ places: [Int], _ address: Int) {
    let capacity = 2 * Self.symbolHalf
    var entries: [HDF5Tree.Entry] = []
    var before = 0
    for start in stride(from: 0, to: links.count, by: capacity) {
      let end = min(start + capacity, links.count)
      entries.append(HDF5Tree.Entry(key: Self.key(before), child: address + bytes.count))
      before = places[end - 1]
      var table = HDF5Bytes()
      table.append(Array("SNOD".utf8) + [1, 0])
      table.integer(UInt16(end - start))
      for position in start..<end {
        table.address(places[position])
        table.address(links[position].header)
        table.zeros(24)
      }
      table.zeros(8 + capacity * 40 - table.count)
      bytes.append(table.bytes)
    }
    let tree = HDF5Tree(
      type: 0, entries, last: Self.key(before), capacity: 2 * Self.nodeHalf,
      address: address + bytes.count)
    bytes.append(tree.bytes.bytes)
    self.tree = tree.root
  }

  private static func key(_ place: Int) -> [UInt8] {
    var key = HDF5Bytes()
    key.address(place)
    return key.bytes
  }
}
