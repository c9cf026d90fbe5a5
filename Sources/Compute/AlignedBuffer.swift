/// Scratch memory at a multiple of 64 bytes, freed with its owner.
///
/// One worker owns one and uses it for block after block. It starts as zeros.
@safe public struct AlignedBuffer: ~Copyable {
  /// The size in bytes.
  public let byteCount: Int
  private let memory: UnsafeMutableRawBufferPointer

  /// The length of a cache line and of the longest vector register.
  public static let alignment = 64

  /// Allocates `byteCount` bytes of zeros.
  public init(byteCount: Int) {
    precondition(byteCount >= 0, "a buffer of \(byteCount) bytes")
    self.byteCount = byteCount
    unsafe memory = .allocate(byteCount: byteCount, alignment: Self.alignment)
    unsafe memory.initializeMemory(as: UInt8.self, repeating: 0)
  }

  deinit { unsafe memory.deallocate() }

  /// Calls `body` with the bytes to read.
  public func withBytes<Result, Failure: Error>(
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    // The memory is initialised, and borrowed as long as `self` is.
    try body(unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(memory)))
  }

  /// Calls `body` with the bytes to read and write.
  public mutating func withMutableBytes<Result, Failure: Error>(
    _ body: (inout MutableRawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    var bytes = unsafe MutableRawSpan(_unsafeBytes: memory)
    return try body(&bytes)
  }

  /// Calls `body` with the first `count` bytes to read.
  public func withPrefix<Result, Failure: Error>(
    _ count: Int, _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    precondition(count >= 0 && count <= byteCount, "\(count) bytes of \(byteCount)")
    let part = unsafe UnsafeRawBufferPointer(rebasing: memory[..<count])
    return try body(unsafe RawSpan(_unsafeBytes: part))
  }

  /// Calls `body` with the first `count` bytes to read and write.
  public mutating func withMutablePrefix<Result, Failure: Error>(
    _ count: Int, _ body: (inout MutableRawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    precondition(count >= 0 && count <= byteCount, "\(count) bytes of \(byteCount)")
    let part = unsafe UnsafeMutableRawBufferPointer(rebasing: memory[..<count])
    var bytes = unsafe MutableRawSpan(_unsafeBytes: part)
    return try body(&bytes)
  }

  /// Calls `body` with the first `count` floats of the buffer to read.
  public func withFloats<Result, Failure: Error>(
    count: Int, _ body: (Span<Float>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    precondition(count >= 0 && count <= byteCount / 4, "\(count) floats in \(byteCount) bytes")
    // Aligned for floats, and every bit pattern is one.
    let floats = unsafe UnsafeRawBufferPointer(rebasing: memory[..<(count * 4)])
    return try body(unsafe Span(_unsafeBytes: floats))
  }

  /// Calls `body` with the first `count` floats of the buffer to read and write.
  public mutating func withMutableFloats<Result, Failure: Error>(
    count: Int, _ body: (inout MutableSpan<Float>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    precondition(count >= 0 && count <= byteCount / 4, "\(count) floats in \(byteCount) bytes")
    // As in `withFloats`.
    let part = unsafe UnsafeMutableRawBufferPointer(rebasing: memory[..<(count * 4)])
    var floats = unsafe MutableSpan<Float>(_unsafeBytes: part)
    return try body(&floats)
  }
}
