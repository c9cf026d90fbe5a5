extension TensorRecord {
  /// The range of the decoded storage that lies between the first and the last
  /// byte of the tensor.
  func touchedBytes(of bytes: TensorBytes) -> Range<Int> {
    guard let view = bytes.view else { return 0..<bytes.storageByteCount }
    guard elementCount > 0 else { return 0..<0 }
    let width = type.bitWidth / 8
    // The reader has checked that this lies inside the storage.
    let last = zip(shape, view.strides).reduce(view.offset) { $0 + ($1.0 - 1) * $1.1 }
    return view.offset * width..<(last + 1) * width
  }
}

extension TensorRecord {
  /// The bytes that reading the tensor holds in memory: 0 where its data can be
  /// read block by block.
  public var gatheredByteCount: Int {
    guard let bytes, bytes.view != nil || bytes.codec != .stored else { return 0 }
    if case .chunked(let storage) = bytes.codec {
      // More than any memory is enough to be refused, and can be summed up.
      return min(storage.slabByteCount, 1 << 50) * ChunkedData.keptSlabs
    }
    return touchedBytes(of: bytes).count
  }
}

extension TensorRecord {
  /// The number of bytes next to `wanted` after which no block of a chunked tensor is
  /// cut, so that each is decoded once.
  public func wholeSlabs(_ wanted: Int) -> Int {
    guard let bytes, case .chunked(let storage) = bytes.codec else { return wanted }
    return max(1, wanted / storage.slabByteCount) * storage.slabByteCount
  }
}

extension TensorBytes {
  /// The bytes `range` of the decoded storage.
  func load(_ range: Range<Int>) throws(CheckpointError) -> [UInt8] {
    var result = [UInt8](repeating: 0, count: range.count)
    var span = result.mutableSpan
    var raw = unsafe span.mutableBytes
    switch codec {
    case .stored:
      try readStored(into: &raw, at: range.lowerBound)
    case .deflate(let decodedByteCount):
      guard extents.count == 1 else {
        throw CheckpointError("deflated data in \(extents.count) pieces; expected one")
      }
      var source = try Inflate(extents[0], decodedByteCount: decodedByteCount)
      try source.skip(range.lowerBound)
      try source.read(into: &raw)
      if range.upperBound == decodedByteCount { try source.finish() }
    case .chunked(let storage):
      try ChunkedData(storage, extents).read(into: &raw, at: range.lowerBound)
    }
    return result
  }

  /// Fills `buffer` with the bytes of a stored storage from `offset` on, from as
  /// many extents as it takes.
  func readStored(into buffer: inout MutableRawSpan, at offset: Int) throws(CheckpointError) {
    var skipped = offset
    var done = 0
    for extent in extents where done < buffer.byteCount {
      guard skipped < extent.count else {
        skipped -= extent.count
        continue
      }
      let count = min(extent.count - skipped, buffer.byteCount - done)
      var piece = buffer._mutatingExtracting(done..<done + count)
      try extent.file.read(into: &piece, at: extent.offset + skipped)
      done += count
      skipped = 0
    }
    guard done == buffer.byteCount else {
      throw CheckpointError(
        path: extents.first?.file.path,
        "the data ends after \(offset + done) bytes, but \(offset + buffer.byteCount) are needed")
    }
  }
}
