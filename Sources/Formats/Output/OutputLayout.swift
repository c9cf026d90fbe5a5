/// One tensor as a file to be written will hold it.
public struct OutputTensor: Sendable {
  public var name: String
  public var type: TensorType
  public var shape: [Int]
  /// The bytes of its data, row by row.
  public var byteCount: Int

  public init(name: String, type: TensorType, shape: [Int], byteCount: Int) {
    self.name = name
    self.type = type
    self.shape = shape
    self.byteCount = byteCount
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

  public init(fixed: [(offset: Int, bytes: [UInt8])], offsets: [Int], byteCount: Int) {
    self.fixed = fixed
    self.offsets = offsets
    self.byteCount = byteCount
  }
}
