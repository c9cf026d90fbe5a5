/// One tensor as a file to be written will hold it.
public struct OutputTensor: Sendable {
  public var name: String
  public var type: TensorType
  public var shape: [Int]
  /// The bytes of its data, row by row.
  public var byteCount: Int
  /// Where its name stands among the names of the file, for a format that keeps
  /// an order.
  public var order: Int
  /// Other names of the same data, for a format in which tensors share storages.
  public var aliases: [Alias]

  /// Another name of a tensor.
  public struct Alias: Sendable, Hashable {
    public var name: String
    /// Where it stands among the names of the file.
    public var order: Int

    public init(name: String, order: Int) {
      self.name = name
      self.order = order
    }
  }

  public init(
    name: String, type: TensorType, shape: [Int], byteCount: Int, order: Int = 0,
    aliases: [Alias] = []
  ) {
    self.name = name
    self.type = type
    self.shape = shape
    self.byteCount = byteCount
    self.order = order
    self.aliases = aliases
  }
}

/// Where everything goes in a file that is not written yet.
///
/// Laid out before any data exists; workers then fill the ranges of the tensors
/// in any order.
public struct OutputLayout: Sendable {
  /// Bytes that do not depend on any tensor's data, and their places.
  public var fixed: [(offset: Int, bytes: [UInt8])]
  /// The offset of each tensor's data, in the order in which they were given.
  public var offsets: [Int]
  /// The size of the complete file in bytes.
  public var byteCount: Int
  /// Where the CRC-32 of each tensor's data goes, as four little-endian bytes, once
  /// the data is there; in the order of `offsets`, or empty for a format without
  /// checksums.
  public var checksumOffsets: [[Int]]
  /// What compresses the tensors; their offsets are then those of their slots.
  public var chunks: HDF5ChunkedOutput?

  /// The bytes that the file takes on the disk at least; how many a compression leaves is
  /// not known before.
  public var minimumByteCount: Int { chunks?.minimumByteCount ?? byteCount }

  public init(
    fixed: [(offset: Int, bytes: [UInt8])], offsets: [Int], byteCount: Int,
    checksumOffsets: [[Int]] = []
  ) {
    self.fixed = fixed
    self.offsets = offsets
    self.byteCount = byteCount
    self.checksumOffsets = checksumOffsets
  }
}
