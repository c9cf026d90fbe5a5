/// A bounded reader over bytes in memory: every read is checked, every fault
/// says at which byte of the file it was seen.
///
/// Integers are little-endian, as in all formats here. Nothing traps on what a
/// file says.
public struct ByteCursor: Sendable {
  private let bytes: ArraySlice<UInt8>
  /// The position in the file of `bytes.startIndex`.
  private let base: Int
  private var position: Int

  /// A cursor at the first of `bytes`, which lies at `base` in its file.
  public init(_ bytes: ArraySlice<UInt8>, base: Int = 0) {
    self.bytes = bytes
    self.base = base
    position = bytes.startIndex
  }

  public init(_ bytes: [UInt8], base: Int = 0) { self.init(bytes[...], base: base) }

  /// The position in the file of the next byte.
  public var offset: Int { base + (position - bytes.startIndex) }

  /// The bytes that are left.
  public var remaining: Int { bytes.endIndex - position }

  public var isAtEnd: Bool { position == bytes.endIndex }

  /// The next `count` bytes. `what` names them in the error.
  public mutating func take(_ count: Int, _ what: @autoclosure () -> String)
    throws(CheckpointError) -> ArraySlice<UInt8>
  {
    guard count >= 0, count <= remaining else {
      throw CheckpointError(
        offset: offset, "\(what()) needs \(count) bytes, but only \(remaining) are left")
    }
    defer { position += count }
    return bytes[position..<position + count]
  }

  public mutating func skip(_ count: Int, _ what: @autoclosure () -> String)
    throws(CheckpointError)
  {
    _ = try take(count, what())
  }

  public mutating func byte(_ what: @autoclosure () -> String) throws(CheckpointError) -> UInt8 {
    guard position < bytes.endIndex else {
      throw CheckpointError(offset: offset, "\(what()) expected, but the data ends")
    }
    defer { position += 1 }
    return bytes[position]
  }

  public mutating func uint16(_ what: @autoclosure () -> String) throws(CheckpointError) -> UInt16 {
    let field = try take(2, what())
    return UInt16(field[field.startIndex]) | UInt16(field[field.startIndex + 1]) << 8
  }

  public mutating func uint32(_ what: @autoclosure () -> String) throws(CheckpointError) -> UInt32 {
    try take(4, what()).reversed().reduce(0) { $0 << 8 | UInt32($1) }
  }

  public mutating func uint64(_ what: @autoclosure () -> String) throws(CheckpointError) -> UInt64 {
    try take(8, what()).reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// A cursor over the next `count` bytes alone; this one moves behind them.
  public mutating func divide(_ count: Int, _ what: @autoclosure () -> String)
    throws(CheckpointError) -> ByteCursor
  {
    let start = offset
    return ByteCursor(try take(count, what()), base: start)
  }
}
