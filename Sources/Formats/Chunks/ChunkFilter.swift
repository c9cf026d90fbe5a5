import Compute

/// What is done to the bytes of a block before they are written.
enum ChunkFilter: Sendable, Hashable {
  case deflate
  case shuffle(width: Int)
  case fletcher32
  case zstandard
  case foreign(ForeignFilter)

  /// The filters by the numbers that HDF5 has registered.
  init(_ identifier: UInt32, name: String, values: [UInt32], width: Int) {
    switch identifier {
    case 1: self = .deflate
    case 2: self = .shuffle(width: values.first.flatMap { Int(exactly: $0) } ?? width)
    case 3: self = .fletcher32
    case 32015: self = .zstandard
    default: self = .foreign(ForeignFilter(identifier: identifier, name: name))
    }
  }

  /// The bytes of a block of so many after it; not known after a compression, which may
  /// even make it a little larger.
  func size(after count: Size) -> Size {
    switch self {
    case .deflate, .zstandard: Size(maximum: Self.bound(count.maximum), isExact: false)
    case .fletcher32: Size(maximum: count.maximum + 4, isExact: count.isExact)
    case .shuffle, .foreign: count
    }
  }

  /// What no compressor makes of so many bytes; no file has the chunks beyond the limit.
  private static func bound(_ count: Int) -> Int {
    count > 1 << 40 ? count : count + count / 8 + (64 << 10)
  }

  /// How many bytes are expected.
  struct Size: Sendable, Hashable {
    let maximum: Int
    /// Whether it may be no fewer.
    let isExact: Bool

    static func exactly(_ count: Int) -> Size { Size(maximum: count, isExact: true) }
  }

  /// Undoes it; `size` is that of the bytes before, `path` where the block lies.
  func decode(_ bytes: [UInt8], to size: Size, from path: String) throws(CheckpointError)
    -> [UInt8]
  {
    switch self {
    case .deflate: return try ChunkCodec.inflated(bytes, to: size)
    case .zstandard: return try ChunkCodec.decompressed(bytes, to: size)
    case .shuffle(let width): return ByteShuffle.unshuffled(bytes, width: width)
    case .fletcher32: return try Self.checked(bytes)
    case .foreign(let filter): throw filter.error(in: path)
    }
  }

  /// The bytes without the checksum behind them, which has to be theirs.
  private static func checked(_ bytes: [UInt8]) throws(CheckpointError) -> [UInt8] {
    guard bytes.count >= 4 else {
      throw CheckpointError("a chunk of \(bytes.count) bytes has no room for its checksum")
    }
    let stated = bytes.suffix(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    let found = Checksum.fletcher32(bytes.dropLast(4))
    guard stated == found else {
      throw CheckpointError(
        "the checksum of a chunk is \(String(found, radix: 16)), but "
          + "\(String(stated, radix: 16)) is stated; its bytes were damaged")
    }
    return Array(bytes.dropLast(4))
  }
}
