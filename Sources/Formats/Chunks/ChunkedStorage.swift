/// How a tensor is cut into blocks, each of which is encoded by itself.
///
/// The blocks form a grid over the tensor, those at its far edges reaching beyond it. A
/// block that is missing stands for elements of one value.
public final class ChunkedStorage: Sendable {
  /// The sizes of the tensor, and those of a block.
  let shape: [Int]
  let chunkShape: [Int]
  /// The bytes of one element.
  let width: Int
  /// What was done to the bytes of each block, first to last.
  let filters: [ChunkFilter]
  /// The element that stands where no block is; empty for zeros.
  let fill: [UInt8]
  /// The blocks that there are, by their place in the grid.
  let chunks: [Int: Chunk]
  /// Why its data is not to be read; nil for that of nearly all.
  public let doubt: String?

  struct Chunk: Sendable {
    /// The position of its extent.
    let extent: Int
    /// A bit for each filter that was left out.
    let mask: UInt32
  }

  /// The checker has seen to it that all sizes multiply without overflow.
  init(
    shape: [Int], chunkShape: [Int], width: Int, filters: [ChunkFilter], fill: [UInt8],
    chunks: [Int: Chunk], doubt: String? = nil
  ) {
    precondition(!shape.isEmpty && shape.count == chunkShape.count)
    precondition(fill.isEmpty || fill.count == width)
    self.shape = shape
    self.chunkShape = chunkShape
    self.width = width
    self.filters = filters
    self.fill = fill
    self.chunks = chunks
    self.doubt = doubt
  }

  /// The blocks of a slab that are looked for.
  private static let maximumSlabBlocks = 1 << 24

  /// Refuses to read what is not meant, or would take more memory than `limit`.
  func checkReadable(limit: Int) throws(CheckpointError) {
    if let doubt { throw CheckpointError(doubt) }
    guard slabByteCount <= limit else {
      throw CheckpointError(
        "takes \(slabByteCount) bytes when decoded in memory; at most \(limit) are allowed")
    }
    guard gridShape.dropFirst().reduce(1, *) <= Self.maximumSlabBlocks else {
      throw CheckpointError(
        "chunks of \(chunkShape) cut the shape \(shape) too finely: more than "
          + "\(Self.maximumSlabBlocks) lie side by side")
    }
  }

  /// The bytes of the whole tensor.
  var byteCount: Int { shape.reduce(width, *) }
  /// The bytes of one block.
  var chunkByteCount: Int { chunkShape.reduce(width, *) }
  /// The bytes of one element of the outermost axis.
  private var rowByteCount: Int { shape.dropFirst().reduce(width, *) }
  /// The bytes of a slab: all rows that one layer of blocks covers, which lie together
  /// in the tensor.
  public var slabByteCount: Int { min(chunkShape[0], shape[0]) * rowByteCount }

  /// The bytes of the tensor that slab `slab` is.
  func range(ofSlab slab: Int) -> Range<Int> {
    let first = slab * chunkShape[0]
    return first * rowByteCount..<min(first + chunkShape[0], shape[0]) * rowByteCount
  }

  /// The decoded bytes of a slab; `extents` are those of the blocks.
  func decodedSlab(_ slab: Int, _ extents: Extents) throws(CheckpointError) -> [UInt8] {
    let range = range(ofSlab: slab)
    var bytes = filled(range.count)
    let grid = gridShape
    let perSlab = grid.dropFirst().reduce(1, *)
    for position in 0..<perSlab {
      guard let chunk = chunks[slab * perSlab + position] else { continue }
      let decoded = try decoded(chunk, extents[chunk.extent])
      copy(decoded, at: place(position, grid), slabRows: range.count / rowByteCount, to: &bytes)
    }
    return bytes
  }

  /// The number of blocks along each axis.
  var gridShape: [Int] { zip(shape, chunkShape).map { ($0 - 1) / $1 + 1 } }

  private func filled(_ count: Int) -> [UInt8] {
    guard fill.contains(where: { $0 != 0 }) else { return [UInt8](repeating: 0, count: count) }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    for _ in 0..<count / width { bytes += fill }
    return bytes
  }

  private func decoded(_ chunk: Chunk, _ extent: Extent) throws(CheckpointError) -> [UInt8] {
    do throws(CheckpointError) {
      var bytes = try extent.file.read(extent.count, at: extent.offset)
      for (position, filter) in filters.enumerated().reversed()
      where chunk.mask >> UInt32(position) & 1 == 0 {
        bytes = try filter.decode(
          bytes, to: size(before: position, chunk.mask), from: extent.file.path)
      }
      guard bytes.count == chunkByteCount else {
        throw CheckpointError("a chunk holds \(bytes.count) bytes; expected \(chunkByteCount)")
      }
      return bytes
    } catch {
      var located = error.with(path: extent.file.path)
      located.offset = located.offset ?? extent.offset
      throw located
    }
  }

  /// The bytes of a block before filter `position` is applied to it.
  private func size(before position: Int, _ mask: UInt32) -> ChunkFilter.Size {
    filters[..<position].enumerated().reduce(.exactly(chunkByteCount)) { size, filter in
      mask >> UInt32(filter.offset) & 1 == 0 ? filter.element.size(after: size) : size
    }
  }

  /// The index of the first element of a block of a slab, without the outermost axis.
  private func place(_ position: Int, _ grid: [Int]) -> [Int] {
    var place = [Int](repeating: 0, count: shape.count)
    var rest = position
    for axis in shape.indices.dropFirst().reversed() {
      place[axis] = rest % grid[axis] * chunkShape[axis]
      rest /= grid[axis]
    }
    return place
  }

  /// Copies what of a block lies in the tensor to its place in a slab, in runs along the
  /// innermost axis.
  private func copy(_ block: [UInt8], at place: [Int], slabRows: Int, to slab: inout [UInt8]) {
    var counts = zip(zip(shape, chunkShape), place).map { min($0.1, $0.0 - $1) }
    counts[0] = slabRows
    let last = shape.count - 1
    let run = counts[last] * width
    var index = [Int](repeating: 0, count: shape.count)
    while index[0] < counts[0] {
      var (from, to) = (0, 0)
      for axis in shape.indices {
        from = from * chunkShape[axis] + index[axis]
        // A slab begins at its own first row.
        to = to * shape[axis] + place[axis] + index[axis]
      }
      // Ranges of both are checked here.
      slab.replaceSubrange(
        to * width..<to * width + run, with: block[from * width..<from * width + run])
      var axis = last - 1
      guard axis >= 0 else { return }
      index[axis] += 1
      while axis > 0, index[axis] == counts[axis] {
        index[axis] = 0
        axis -= 1
        index[axis] += 1
      }
    }
  }
}

extension ChunkedStorage: Hashable {
  public static func == (a: ChunkedStorage, b: ChunkedStorage) -> Bool { a === b }
  public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}
