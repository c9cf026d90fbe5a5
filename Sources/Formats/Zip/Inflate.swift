import CZlib

/// Raw deflate data (RFC 1951) of a known decoded size, decoded piece by piece.
///
/// The size bounds the work: nothing is ever decoded beyond it, whatever the
/// data claims, and data that holds more or less is an error.
@safe
struct Inflate: ~Copyable {
  /// The compressed bytes that are read from the file at a time.
  static let inputBlock = 1 << 16

  private let extent: Extent
  private let decodedByteCount: Int
  private var consumed = 0
  private var produced = 0
  private var isEnded = false
  private var input: [UInt8] = []
  private var inputUsed = 0
  // zlib keeps the address of the stream, so it must not move.
  private let stream: UnsafeMutablePointer<z_stream>

  init(_ extent: Extent, decodedByteCount: Int) throws(CheckpointError) {
    self.extent = extent
    self.decodedByteCount = decodedByteCount
    unsafe stream = .allocate(capacity: 1)
    unsafe stream.initialize(to: z_stream())
    let size = unsafe Int32(MemoryLayout<z_stream>.size)
    guard unsafe inflateInit2_(stream, -MAX_WBITS, ZLIB_VERSION, size) == Z_OK else {
      throw CheckpointError(path: extent.file.path, "zlib cannot start: no memory")
    }
  }

  deinit {
    unsafe inflateEnd(stream)
    unsafe stream.deallocate()
  }

  /// Fills `buffer` with the next decoded bytes; they must exist.
  mutating func read(into buffer: inout MutableRawSpan) throws(CheckpointError) {
    var done = 0
    while done < buffer.byteCount {
      let count = try decode(into: &buffer, from: done)
      guard count > 0 || !isEnded else {
        throw fault(
          "the deflate data ends after \(produced) bytes, but \(decodedByteCount) are declared")
      }
      done += count
    }
  }

  /// Passes over the next `count` decoded bytes.
  mutating func skip(_ count: Int) throws(CheckpointError) {
    var scratch = [UInt8](repeating: 0, count: min(count, Self.inputBlock))
    var rest = count
    while rest > 0 {
      if rest < scratch.count { scratch.removeLast(scratch.count - rest) }
      var span = scratch.mutableSpan
      var raw = unsafe span.mutableBytes
      try read(into: &raw)
      rest -= raw.byteCount
    }
  }

  /// Checks that the data ends exactly where its declared sizes say.
  mutating func finish() throws(CheckpointError) {
    var probe: [UInt8] = [0]
    var span = probe.mutableSpan
    var raw = unsafe span.mutableBytes
    while !isEnded {
      guard try decode(into: &raw, from: 0) == 0 else {
        throw fault("the deflate data holds more than the declared \(decodedByteCount) bytes")
      }
    }
    let left = extent.count - consumed + (input.count - inputUsed)
    guard left == 0 else {
      throw fault("the deflate data ends \(left) bytes before its declared end")
    }
  }

  /// Decodes some bytes into `buffer` from `start` on; says how many.
  private mutating func decode(into buffer: inout MutableRawSpan, from start: Int)
    throws(CheckpointError) -> Int
  {
    guard !isEnded else { return 0 }
    try refill()
    let room = min(buffer.byteCount - start, Int(UInt32.max))
    let available = input.count - inputUsed
    let stream = unsafe self.stream
    let used = inputUsed
    let (status, written) = unsafe input.withUnsafeMutableBytes { source in
      unsafe buffer.withUnsafeMutableBytes { target -> (Int32, Int) in
        unsafe stream.pointee.next_in = source.baseAddress.map {
          unsafe ($0 + used).assumingMemoryBound(to: UInt8.self)
        }
        unsafe stream.pointee.avail_in = UInt32(available)
        unsafe stream.pointee.next_out = target.baseAddress.map {
          unsafe ($0 + start).assumingMemoryBound(to: UInt8.self)
        }
        unsafe stream.pointee.avail_out = UInt32(room)
        let status = unsafe inflate(stream, Z_NO_FLUSH)
        return unsafe (status, room - Int(stream.pointee.avail_out))
      }
    }
    inputUsed = unsafe input.count - Int(stream.pointee.avail_in)
    produced += written
    try advance(status, written)
    return written
  }

  /// Takes in what zlib said.
  private mutating func advance(_ status: Int32, _ written: Int) throws(CheckpointError) {
    switch status {
    case Z_STREAM_END: isEnded = true
    case Z_OK: break
    case Z_BUF_ERROR where written == 0 && consumed == extent.count && inputUsed == input.count:
      throw fault("the deflate data stops in the middle of a block")
    case Z_BUF_ERROR: break
    default:
      let words = unsafe stream.pointee.msg.map { unsafe String(cString: $0) }
      throw fault("the deflate data is damaged: \(words ?? "zlib status \(status)")")
    }
  }

  private mutating func refill() throws(CheckpointError) {
    guard inputUsed == input.count, consumed < extent.count else { return }
    let count = min(Self.inputBlock, extent.count - consumed)
    input = try extent.file.read(count, at: extent.offset + consumed)
    inputUsed = 0
    consumed += count
  }

  private func fault(_ message: String) -> CheckpointError {
    CheckpointError(path: extent.file.path, offset: extent.offset, message)
  }
}

extension Extent {
  /// All bytes of a deflated range in memory.
  func inflated(to decodedByteCount: Int) throws(CheckpointError) -> [UInt8] {
    // The caller has bounded `decodedByteCount`, so the array may be made at once.
    var bytes = [UInt8](repeating: 0, count: decodedByteCount)
    var source = try Inflate(self, decodedByteCount: decodedByteCount)
    var span = bytes.mutableSpan
    var raw = unsafe span.mutableBytes
    try source.read(into: &raw)
    try source.finish()
    return bytes
  }
}
