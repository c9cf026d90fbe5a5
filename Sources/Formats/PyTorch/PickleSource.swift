/// The bytes of a pickle, read from a file as far as the machine gets.
///
/// The length of a pickle is only known when its STOP is found, and in a legacy
/// file gigabytes of data may follow it; so the file is read in blocks.
struct PickleSource {
  /// The bytes of one pickle that are read into memory.
  static let maximumSize = 512 << 20
  /// The bytes of a deflated pickle; a small file can hold a large one.
  static let maximumInflatedSize = 64 << 20
  /// The bytes up to a line feed.
  static let maximumLineSize = 1 << 20
  private static let firstBlock = 1 << 12

  private(set) var bytes: [UInt8]
  private(set) var position = 0
  /// Where more bytes are, if any.
  private let extent: Extent?
  /// The position in the file of the first of `bytes`.
  let base: Int

  /// A pickle that is in memory; errors count from `base`.
  init(_ bytes: [UInt8], base: Int) {
    self.bytes = bytes
    self.base = base
    extent = nil
  }

  /// A pickle that begins at `offset` and ends somewhere in the file.
  init(_ file: InputFile, at offset: Int) {
    bytes = []
    base = offset
    extent = Extent(file: file, offset: offset, count: max(0, file.size - offset))
  }

  /// The position in the file of the next byte.
  var offset: Int { base + position }

  /// The bytes that are left, in memory or not.
  var remaining: Int { (extent?.count ?? bytes.count) - position }

  /// Makes sure that the next `count` bytes are in memory. Returns whether they
  /// exist.
  private mutating func fetch(_ count: Int) throws(CheckpointError) -> Bool {
    let wanted = position + count
    guard wanted > bytes.count else { return true }
    guard let extent, wanted <= extent.count else { return false }
    guard wanted <= Self.maximumSize else {
      throw CheckpointError(
        offset: base, "the pickle is longer than the \(Self.maximumSize) bytes that are read")
    }
    let target = min(extent.count, Self.maximumSize, max(wanted, bytes.count * 2, Self.firstBlock))
    bytes += try extent.file.read(target - bytes.count, at: extent.offset + bytes.count)
    return true
  }

  mutating func byte() throws(CheckpointError) -> UInt8? {
    guard try fetch(1) else { return nil }
    defer { position += 1 }
    return bytes[position]
  }

  /// The range in `bytes` of the next `count` bytes, or nil where they end before.
  mutating func take(_ count: Int) throws(CheckpointError) -> Range<Int>? {
    guard count <= Self.maximumSize, try fetch(count) else { return nil }
    defer { position += count }
    return position..<position + count
  }

  /// The range of the bytes up to the next line feed, which is passed over, or nil
  /// where none is near.
  mutating func line() throws(CheckpointError) -> Range<Int>? {
    let start = position
    while let byte = try byte() {
      if byte == 0x0A { return start..<position - 1 }
      if position - start > Self.maximumLineSize { return nil }
    }
    return nil
  }
}
