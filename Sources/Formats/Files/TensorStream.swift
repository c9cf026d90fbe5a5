/// The data of a deflated tensor, row by row from its first byte to its last.
///
/// Of the storage nothing is in memory but what is being read, so that a tensor may
/// be larger than the memory. Compressed data has no other order to be read in.
public struct TensorStream: ~Copyable {
  private var source: Inflate
  private let record: TensorRecord
  private let transforms: ElementTransforms
  /// The bytes of the tensor that are still to come.
  private var rest: Int
  /// Whether the storage ends with the tensor.
  private let isAtEnd: Bool

  /// Starts to read `record`, which must be one that `isStreamed`.
  public init(_ record: TensorRecord) throws(CheckpointError) {
    guard let bytes = record.bytes, let extent = bytes.extents.only,
      let range = record.streamedRange
    else {
      throw CheckpointError(tensor: record.name, "is not deflated row by row")
    }
    try bytes.transforms.check(record)
    var source = try Inflate(extent, decodedByteCount: bytes.storageByteCount)
    try source.skip(range.lowerBound)
    self.source = source
    self.record = record
    transforms = bytes.transforms
    rest = range.count
    isAtEnd = range.upperBound == bytes.storageByteCount
  }

  /// Fills `buffer` with the next bytes, which must exist and be whole elements.
  public mutating func read(into buffer: inout MutableRawSpan) throws(CheckpointError) {
    precondition(buffer.byteCount <= rest)
    try source.read(into: &buffer)
    rest -= buffer.byteCount
    if rest == 0, isAtEnd { try source.finish() }
    if !transforms.isEmpty { transforms.apply(to: &buffer, type: record.type) }
  }
}

extension TensorRecord {
  /// Whether its data is deflated and comes out in the order of its elements, so that
  /// a `TensorStream` can read it.
  public var isStreamed: Bool { streamedRange != nil }

  /// The bytes of the decoded storage that are the tensor, row by row; nil where it is
  /// not deflated or lies in another order.
  fileprivate var streamedRange: Range<Int>? {
    guard let bytes, case .deflate(let decodedByteCount) = bytes.codec, bytes.extents.count == 1,
      byteCount > 0
    else { return nil }
    guard let view = bytes.view else {
      return byteCount == decodedByteCount ? 0..<decodedByteCount : nil
    }
    guard type.bitWidth % 8 == 0, isRowMajor(view) else { return nil }
    // The reader has checked that the view lies inside the storage.
    let start = view.offset * (type.bitWidth / 8)
    return start..<start + byteCount
  }

  private func isRowMajor(_ view: StridedView) -> Bool {
    var expected = 1
    for (size, stride) in zip(shape, view.strides).reversed() where size != 1 {
      if stride != expected { return false }
      expected *= size
    }
    return true
  }
}
