/// The data of one tensor, row by row, however its file holds it.
///
/// A dense stored tensor is read straight from its file, block by block. One
/// that has to be gathered or inflated has the part of its storage that it
/// touches in memory, up to a limit.
public struct TensorData: Sendable {
  /// What a tensor may take in memory unless the caller says otherwise.
  public static let defaultLimit = 4 << 30

  public let record: TensorRecord
  /// The bytes of the tensor when written out row by row.
  public let byteCount: Int
  /// What `init` put into memory.
  public var memory: Int { if case .memory(let storage, _) = source { storage.count } else { 0 } }

  private let bytes: TensorBytes
  private let source: Source
  /// The bytes of one element; 1 where nothing has to be done to elements.
  let elementWidth: Int

  /// Where the bytes come from.
  private enum Source: Sendable {
    /// From the file as they are.
    case file
    /// From the blocks of a chunked tensor, which are decoded as they are needed.
    case chunks(ChunkedData)
    /// From the part of the storage that the tensor touches; the view, if there is one,
    /// counts its offset from the start of this part.
    case memory([UInt8], StridedView?)
  }

  /// Prepares to read `record`, with at most `limit` bytes in memory.
  ///
  /// A view that repeats elements (stride 0, overlaps) may be no larger than
  /// `limit` either, unless its storage is.
  public init(_ record: TensorRecord, limit: Int = defaultLimit) throws(CheckpointError) {
    guard let bytes = record.bytes else {
      throw CheckpointError(tensor: record.name, "has no data in its file")
    }
    self.record = record
    self.bytes = bytes
    byteCount = record.byteCount
    do throws(CheckpointError) {
      source = try Self.source(of: record, bytes, limit: limit)
    } catch {
      throw error.with(path: bytes.extents.first?.file.path, tensor: record.name)
    }
    let isInMemory = if case .memory = source { true } else { false }
    elementWidth =
      isInMemory || !bytes.transforms.isEmpty ? max(1, record.type.bitWidth / 8) : 1
  }

  private static func source(of record: TensorRecord, _ bytes: TensorBytes, limit: Int)
    throws(CheckpointError) -> Source
  {
    if case .chunked(let storage) = bytes.codec { try storage.checkReadable(limit: limit) }
    guard record.type.bitWidth % 8 == 0 || (bytes.view == nil && bytes.transforms.isEmpty) else {
      throw CheckpointError(
        "elements of \(record.type.bitWidth) bits cannot be gathered one by one")
    }
    try bytes.transforms.check(record)
    switch bytes.codec {
    case .stored where bytes.view == nil: return .file
    case .chunked(let storage) where bytes.view == nil:
      return .chunks(ChunkedData(storage, bytes.extents))
    default: return try gathered(record, bytes, limit: limit)
    }
  }

  private static func gathered(_ record: TensorRecord, _ bytes: TensorBytes, limit: Int)
    throws(CheckpointError) -> Source
  {
    let window = record.touchedBytes(of: bytes)
    let isLarger = record.byteCount > bytes.storageByteCount
    let blowUp = max(window.count, isLarger ? record.byteCount : 0)
    guard blowUp <= limit else {
      throw CheckpointError(
        "takes \(blowUp) bytes when gathered in memory; at most \(limit) are allowed")
    }
    let first = window.lowerBound / max(1, record.type.bitWidth / 8)
    return .memory(
      try bytes.load(window),
      bytes.view.map { StridedView(offset: $0.offset - first, strides: $0.strides) })
  }

  /// Fills `buffer` with the bytes of the row-major tensor from `offset` on.
  public func read(into buffer: inout MutableRawSpan, at offset: Int) throws(CheckpointError) {
    precondition(offset >= 0 && offset + buffer.byteCount <= byteCount)
    guard offset % elementWidth != 0 || buffer.byteCount % elementWidth != 0 else {
      return try readElements(into: &buffer, at: offset)
    }
    // Not whole elements: read those around and cut them.
    let start = offset / elementWidth * elementWidth
    let end = (offset + buffer.byteCount + elementWidth - 1) / elementWidth * elementWidth
    var cover = [UInt8](repeating: 0, count: end - start)
    var span = cover.mutableSpan
    var raw = unsafe span.mutableBytes
    try readElements(into: &raw, at: start)
    for i in 0..<buffer.byteCount {
      buffer.storeBytes(of: cover[offset - start + i], toByteOffset: i, as: UInt8.self)
    }
  }

  /// The bytes `range` of the row-major tensor.
  public func read(_ range: Range<Int>) throws(CheckpointError) -> [UInt8] {
    var result = [UInt8](repeating: 0, count: range.count)
    var span = result.mutableSpan
    var raw = unsafe span.mutableBytes
    try read(into: &raw, at: range.lowerBound)
    return result
  }

  /// All bytes of `record`, row by row, at most `limit` of them.
  public static func bytes(of record: TensorRecord, limit: Int = defaultLimit)
    throws(CheckpointError) -> [UInt8]
  {
    guard record.byteCount <= limit else {
      throw CheckpointError(
        tensor: record.name, "has \(record.byteCount) bytes; at most \(limit) are allowed")
    }
    let data = try TensorData(record, limit: limit)
    return try data.read(0..<data.byteCount)
  }

  /// Whether both tensors have the same type, shape and bytes. Reads both.
  public static func isEqual(_ a: TensorRecord, _ b: TensorRecord) throws(CheckpointError) -> Bool {
    guard a.type == b.type, a.shape == b.shape else { return false }
    let (a, b) = (try TensorData(a), try TensorData(b))
    let step = 1 << 20
    for start in stride(from: 0, to: a.byteCount, by: step) {
      let range = start..<min(start + step, a.byteCount)
      guard try a.read(range) == b.read(range) else { return false }
    }
    return true
  }

  private func readElements(into buffer: inout MutableRawSpan, at offset: Int)
    throws(CheckpointError)
  {
    guard buffer.byteCount > 0 else { return }
    do throws(CheckpointError) {
      try readPlain(into: &buffer, at: offset)
    } catch {
      throw error.with(tensor: record.name)
    }
    if !bytes.transforms.isEmpty { bytes.transforms.apply(to: &buffer, type: record.type) }
  }

  private func readPlain(into buffer: inout MutableRawSpan, at offset: Int)
    throws(CheckpointError)
  {
    switch source {
    case .file: try bytes.readStored(into: &buffer, at: offset)
    case .chunks(let chunks): try chunks.read(into: &buffer, at: offset)
    case .memory(let storage, nil): copy(storage, from: offset, into: &buffer)
    case .memory(let storage, let view?): gather(view, from: storage, into: &buffer, at: offset)
    }
  }
}

/// Fills `buffer` with the bytes of `source` from `offset` on.
private func copy(_ source: [UInt8], from offset: Int, into buffer: inout MutableRawSpan) {
  let count = buffer.byteCount
  unsafe buffer.withUnsafeMutableBytes { target in
    unsafe source[offset..<offset + count].withUnsafeBytes { unsafe target.copyMemory(from: $0) }
  }
}
