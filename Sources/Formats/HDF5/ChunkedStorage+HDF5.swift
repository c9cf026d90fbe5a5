extension ChunkedStorage {
  /// What may be declared in a few bytes: more than this, and more than so many times of
  /// what is stored, is a trap.
  private static let trustedByteCount = 4 << 30
  private static let maximumGrowth = 1000
  /// Chunks that a dataset may have, whether they are there or not.
  private static let maximumGrid = 1 << 24

  /// The chunks of a dataset and their places in the file, after checking that they form
  /// a grid and lie in the file.
  static func checked(
    _ dataset: HDF5Index.Dataset, _ chunks: HDF5Index.Chunks, in file: InputFile
  ) throws(CheckpointError) -> (ChunkedStorage, [Extent]) {
    let shape = dataset.shape ?? []
    let width = dataset.type.byteCount
    try checkSizes(shape, chunks, width: width)
    let grid = zip(shape, chunks.shape).map { ($0 - 1) / $1 + 1 }
    // The grid has no more chunks than the tensor has elements, which were counted.
    guard grid.reduce(1, *) <= maximumGrid else {
      throw CheckpointError(
        "chunks of \(chunks.shape) cut the shape \(shape) into more than \(maximumGrid)")
    }
    var table: [Int: Chunk] = [:]
    var extents: [Extent] = []
    for chunk in chunks.chunks {
      let place = try position(of: chunk, chunks.shape, grid: grid)
      guard chunk.byteCount <= file.size, chunk.offset <= file.size - chunk.byteCount else {
        throw CheckpointError(
          offset: chunk.offset,
          "a chunk of \(chunk.byteCount) bytes does not lie in the file, which has \(file.size)")
      }
      let entry = Chunk(extent: extents.count, mask: chunk.mask)
      guard table.updateValue(entry, forKey: place) == nil else {
        throw CheckpointError("two chunks begin at \(chunk.place)")
      }
      extents.append(Extent(file: file, offset: chunk.offset, count: chunk.byteCount))
    }
    let filters = chunks.filters.map {
      ChunkFilter($0.identifier, name: $0.name, values: $0.values, width: width)
    }
    let fill = dataset.fill.count == width ? dataset.fill : [UInt8](repeating: 0, count: width)
    let storage = ChunkedStorage(
      shape: shape, chunkShape: chunks.shape, width: width, filters: filters, fill: fill,
      chunks: table)
    try checkGrowth(storage.byteCount, extents)
    return (storage, extents)
  }

  private static func checkSizes(_ shape: [Int], _ chunks: HDF5Index.Chunks, width: Int)
    throws(CheckpointError)
  {
    guard !shape.isEmpty, shape.count == chunks.shape.count, !chunks.shape.contains(0) else {
      throw CheckpointError("chunks of \(chunks.shape) do not cut the shape \(shape)")
    }
    // HDF5 allows no chunk of 4 GiB.
    var byteCount = width
    for size in chunks.shape {
      let (next, overflow) = byteCount.multipliedReportingOverflow(by: size)
      guard !overflow, next < 1 << 32 else {
        throw CheckpointError("chunks of \(chunks.shape) are too large")
      }
      byteCount = next
    }
  }

  /// The place of a chunk in the grid.
  private static func position(of chunk: HDF5Index.Chunk, _ shape: [Int], grid: [Int])
    throws(CheckpointError) -> Int
  {
    var position = 0
    for (axis, start) in chunk.place.enumerated() {
      guard start % shape[axis] == 0, start / shape[axis] < grid[axis] else {
        throw CheckpointError("a chunk begins at \(chunk.place), where none can")
      }
      position = position * grid[axis] + start / shape[axis]
    }
    return position
  }

  private static func checkGrowth(_ byteCount: Int, _ extents: [Extent]) throws(CheckpointError) {
    let stored = extents.reduce(0) { $0 + $1.count }
    guard byteCount > trustedByteCount, byteCount / maximumGrowth > stored else { return }
    throw CheckpointError(
      "claims \(byteCount) bytes, of which \(stored) are stored; that is hardly meant")
  }
}
