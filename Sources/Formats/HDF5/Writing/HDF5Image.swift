import OrderedCollections

/// Everything of a file but the data of its tensors.
struct HDF5Image {
  private let tensors: [OutputTensor]
  private let metadata: [UInt8]
  private let documents: [HDF5Layout.Document]
  /// How each tensor is cut, where it is, and compressed.
  private let grids: [ChunkGrid?]
  private let compression: ChunkCompression?
  private var image = HDF5Bytes()

  /// Where a block lies, and which filters it was spared.
  struct Chunk: Sendable {
    var offset: Int
    var byteCount: Int
    var mask: UInt32
  }

  var bytes: [UInt8] { image.bytes }
  var byteCount: Int { image.count }

  init(
    _ tensors: [OutputTensor], metadata: OrderedDictionary<String, String>,
    documents: [HDF5Layout.Document], grids: [ChunkGrid?], compression: ChunkCompression?
  ) {
    self.tensors = tensors
    self.grids = grids
    self.compression = compression
    self.documents = documents
    var writer = JSONWriter()
    writer.object { for (key, value) in metadata { $0.string(named: key, value) } }
    self.metadata = metadata.isEmpty ? [] : writer.bytes
  }

  /// Makes the bytes for data at these offsets in a file that ends at `end`; returns how
  /// many there are. `chunks` are the blocks of each tensor, if they are known yet.
  mutating func build(offsets: [Int], chunks: [[Chunk]], end: Int) -> Int {
    image = HDF5Bytes()
    // The superblock and the root group are written last, when all addresses are known.
    var root = HDF5Object()
    root.addGroup(tree: 0, heap: 0)
    addMarks(to: &root)
    image.zeros(HDF5Layout.superblockByteCount + root.bytes.count)
    var links = addTensors(offsets, chunks)
    if !metadata.isEmpty {
      links.append(addContent(metadata, link: HDF5Convention.metadata))
    }
    if !documents.isEmpty { links.append(addDocuments()) }
    let group = HDF5Group(links, address: image.count)
    image.append(group.bytes.bytes)
    root = HDF5Object()
    root.addGroup(tree: group.tree, heap: group.heap)
    addMarks(to: &root)
    image.replace(at: HDF5Layout.superblockByteCount, with: root.bytes)
    image.replace(at: 0, with: Self.superblock(group, end: max(end, image.count)))
    return image.count
  }

  /// What tells a reader which convention the file keeps to.
  private func addMarks(to root: inout HDF5Object) {
    var version = HDF5Bytes()
    version.integer(Int64(HDF5Convention.version))
    root.addAttribute(
      HDF5Convention.attribute, .integer(byteCount: 8, isSigned: true), [], version.bytes)
  }

  /// Adds the headers of all tensors, in the order of their names, the strings of their
  /// attributes, and the trees over their blocks.
  private mutating func addTensors(_ offsets: [Int], _ chunks: [[Chunk]]) -> [HDF5Group.Link] {
    let order = tensors.indices.sorted { (tensors[$0].order, $0) < (tensors[$1].order, $1) }
    // Heap and trees lie behind the headers, whose sizes do not depend on their places.
    let headers = order.map { header(of: $0, data: 0, nil).count }
    let start = headers.reduce(image.count, +)
    var heap = HDF5Heap(address: start)
    let texts = order.map { position in
      HDF5TypeRow.writing(tensors[position].type)?.dtype.map { heap.add($0) }
    }
    var rest = HDF5Bytes()
    rest.append(heap.finish())
    var links: [HDF5Group.Link] = []
    for (position, text) in zip(order, texts) {
      let tensor = tensors[position]
      for name in [tensor.name] + tensor.aliases.map(\.name) {
        links.append(
          HDF5Group.Link(name: HDF5Convention.link(ofName: name), header: image.count))
      }
      var place = offsets[position]
      if let grid = grids[position] {
        let tree = HDF5Tree(
          grid, chunks.isEmpty ? nil : chunks[position], address: start + rest.count)
        rest.append(tree.bytes.bytes)
        place = tree.root
      }
      image.append(header(of: position, data: place, text))
    }
    image.append(rest.bytes)
    return links
  }

  /// The header of one tensor's dataset, whose data or tree of blocks is at `data`; `text`
  /// stands for its type's name on the heap.
  private func header(of position: Int, data: Int, _ text: [UInt8]?) -> [UInt8] {
    let tensor = tensors[position]
    guard let row = HDF5TypeRow.writing(tensor.type) else {
      preconditionFailure("a type without a row has been refused")
    }
    // Elements of less than a byte lie in a row of bytes.
    let isPacked = tensor.type.bitWidth < 8
    var object = HDF5Object()
    object.linkCount = 1 + tensor.aliases.count
    object.addSpace(isPacked ? [tensor.byteCount] : tensor.shape)
    object.addType(row.stored)
    object.addFill(isEarly: grids[position] == nil)
    if let grid = grids[position], let compression {
      object.addChunked(grid, tree: data)
      object.addFilters(compression.filters(width: grid.width))
    } else {
      object.addContiguous(data, byteCount: tensor.byteCount)
    }
    if row.dtype != nil {
      let place = text ?? [UInt8](repeating: 0, count: HDF5Type.heapReferenceByteCount)
      object.addAttribute("dtype", .string(byteCount: 1, isVariable: true), [], place)
    }
    if isPacked {
      var sizes = HDF5Bytes()
      for size in tensor.shape { sizes.integer(Int64(size)) }
      object.addAttribute(
        "shape", .integer(byteCount: 8, isSigned: true), [tensor.shape.count], sizes.bytes)
    }
    return object.bytes
  }

  /// Adds a dataset of one text, or of bytes that are none, which follow its header.
  private mutating func addContent(_ bytes: [UInt8], link: String) -> HDF5Group.Link {
    let header = image.count
    let isText = !bytes.contains(0) && String(validating: bytes, as: UTF8.self) != nil
    let object = { (offset: Int) in
      var object = HDF5Object()
      // There is no string of no bytes.
      object.addSpace(bytes.isEmpty ? [0] : isText ? [] : [bytes.count])
      object.addType(
        isText
          ? .string(byteCount: max(1, bytes.count), isVariable: false)
          : .integer(byteCount: 1, isSigned: false))
      object.addFill(isEarly: true)
      object.addContiguous(offset, byteCount: bytes.count)
      return object.bytes
    }
    image.append(object(header + object(0).count))
    image.append(bytes)
    image.pad()
    return HDF5Group.Link(name: link, header: header)
  }

  private mutating func addDocuments() -> HDF5Group.Link {
    let links = documents.map {
      addContent($0.bytes, link: HDF5Convention.link(ofName: $0.name))
    }
    let group = HDF5Group(links, address: image.count)
    image.append(group.bytes.bytes)
    var object = HDF5Object()
    object.addGroup(tree: group.tree, heap: group.heap)
    defer { image.append(object.bytes) }
    return HDF5Group.Link(name: HDF5Convention.files, header: image.count)
  }

  private static func superblock(_ root: HDF5Group, end: Int) -> [UInt8] {
    var block = HDF5Bytes()
    block.append([0x89] + Array("HDF\r\n".utf8) + [0x1A, 0x0A])
    // Versions of the superblock, the free space, the root group and shared headers;
    // between them a zero, then the sizes of addresses and of lengths.
    block.append([0, 0, 0, 0, 0, 8, 8, 0])
    block.integer(UInt16(HDF5Group.symbolHalf))
    block.integer(UInt16(HDF5Group.nodeHalf))
    block.zeros(4)
    block.address(0)
    block.integer(HDF5Bytes.nowhere)
    block.address(end)
    block.integer(HDF5Bytes.nowhere)
    // The link to the root group, with what its header says of its links.
    block.address(0)
    block.address(HDF5Layout.superblockByteCount)
    block.integer(UInt32(1))
    block.zeros(4)
    block.address(root.tree)
    block.address(root.heap)
    return block.bytes
  }
}
