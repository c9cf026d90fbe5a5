extension ChunkedStorage {
  /// The chunks of a dataset and their places in the file, after checking that they form
  /// a grid and lie in the file.
  static func checked(
    _ dataset: HDF5Index.Dataset, _ chunks: HDF5Index.Chunks, in file: InputFile,
    isDoubtful: Bool
  ) throws(CheckpointError) -> (ChunkedStorage, [Extent]) {
    let shape = dataset.shape ?? []
    let width = dataset.type.byteCount
    try checkSizes(shape, chunks, width: width)
    let grid = zip(shape, chunks.shape).map { ($0 - 1) / $1 + 1 }
    var table: [Int: Chunk] = [:]
    var extents: [Extent] = []
    for chunk in chunks.chunks {
      let place = try position(of: chunk, chunks.shape, grid: grid)
      guard let extent = Extent(file, at: chunk.offset, count: chunk.byteCount) else {
        throw CheckpointError(
          "a chunk of \(chunk.byteCount) bytes at byte \(chunk.offset) does not lie in the file, "
            + "which has \(file.size)")
      }
      let entry = Chunk(extent: extents.count, mask: chunk.mask)
      guard table.updateValue(entry, forKey: place) == nil else {
        throw CheckpointError("two chunks begin at \(chunk.place)")
      }
      extents.append(extent)
    }
    let filters = chunks.filters.map {
      ChunkFilter($0.identifier, name: $0.name, values: $0.values, width: width)
    }
    let stored = extents.reduce(0) { $0 + $1.count }
    let storage = ChunkedStorage(
      shape: shape, chunkShape: chunks.shape, width: width, filters: filters,
      fill: dataset.fillElement, chunks: table,
      doubt: isDoubtful ? doubt(shape.reduce(width, *), stored: stored) : nil)
    return (storage, extents)
  }

  /// A dataset of `count` elements of which none was ever written.
  static func unwritten(_ dataset: HDF5Index.Dataset, count: Int, isDoubtful: Bool)
    -> ChunkedStorage
  {
    let width = dataset.type.byteCount
    let length = min(count, max(1, ChunkGrid.wantedByteCount / width))
    return ChunkedStorage(
      shape: [count], chunkShape: [length], width: width, filters: [], fill: dataset.fillElement,
      chunks: [:], doubt: isDoubtful ? doubt(count * width, stored: 0) : nil)
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
}

// A few bytes can declare any number of zeros.
extension ChunkedStorage {
  /// What a file may claim without having it, and how many times its own size beyond that.
  private static let trustedByteCount = 64 << 30
  private static let maximumGrowth = 1000

  /// Whether the datasets of a file claim more than anybody means.
  static func isDoubtful(_ index: HDF5Index, in file: InputFile) -> Bool {
    var claimed = 0
    for dataset in index.datasets {
      let sizes = (dataset.shape ?? [0]) + [dataset.type.byteCount]
      let (sum, overflow) = claimed.addingReportingOverflow(product(of: sizes) ?? 0)
      claimed = overflow ? .max : sum
    }
    return claimed > trustedByteCount && claimed / maximumGrowth > file.size
  }

  /// Why a dataset of such a file is not read; nil for one that has what it claims.
  private static func doubt(_ byteCount: Int, stored: Int) -> String? {
    guard byteCount / maximumGrowth > stored else { return nil }
    return "claims \(byteCount) bytes, of which \(stored) are stored; that is hardly meant"
  }
}

extension Extent {
  /// A range that a file states, be it what it may; nil where it does not lie in `file`.
  init?(_ file: InputFile, at offset: UInt64, count: UInt64) {
    guard let offset = Int(exactly: offset), let count = Int(exactly: count),
      count <= file.size, offset <= file.size - count
    else { return nil }
    self.init(file: file, offset: offset, count: count)
  }
}

extension HDF5Index.Dataset {
  /// The element that stands where nothing was written; empty for zeros, of whatever width
  /// a hostile file claims.
  fileprivate var fillElement: [UInt8] { fill.count == type.byteCount ? fill : [] }
}
