import Compute

/// How the blocks of a tensor are compressed when they are written.
public enum ChunkCompression: Sendable, Hashable {
  case deflate(level: Int)
  case zstandard(level: Int)

  /// The filters of a tensor whose elements have this width, first to last, with what
  /// each is told.
  func filters(width: Int) -> [HDF5Filter] {
    let shuffle = HDF5Filter(identifier: 2, name: "", values: [UInt32(width)])
    return (width > 1 ? [shuffle] : []) + [compressor]
  }

  private var compressor: HDF5Filter {
    switch self {
    case .deflate(let level): HDF5Filter(identifier: 1, name: "", values: [UInt32(level)])
    case .zstandard(let level):
      HDF5Filter(identifier: 32015, name: "zstd", values: [UInt32(level)])
    }
  }

  /// The bytes of a block as they are stored, and the mask of the filters that were left
  /// out: what grows by compression stays as it is.
  func encode(_ block: [UInt8], width: Int) throws(CheckpointError) -> (
    bytes: [UInt8], mask: UInt32
  ) {
    let shuffled = ByteShuffle.shuffled(block, width: width)
    let compressed =
      switch self {
      case .deflate(let level): try ChunkCodec.deflated(shuffled, level: level)
      case .zstandard(let level): try ChunkCodec.compressed(shuffled, level: level)
      }
    if compressed.count < block.count { return (compressed, 0) }
    return (shuffled, width > 1 ? 2 : 1)
  }
}
