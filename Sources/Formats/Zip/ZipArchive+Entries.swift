extension ZipArchive.Directory {
  /// The entries as the central directory lists them, their data not located yet.
  func entries(of file: InputFile) throws(CheckpointError) -> [ZipArchive.Entry] {
    var cursor = ByteCursor(try file.read(size, at: offset), base: offset)
    // A count from the file is no reason to reserve memory.
    var entries: [ZipArchive.Entry] = []
    while !cursor.isAtEnd {
      guard entries.count < entryCount else {
        throw CheckpointError(
          offset: cursor.offset,
          "the zip central directory goes on after the \(entryCount) entries that it claims")
      }
      entries.append(try ZipArchive.Entry(parsing: &cursor, of: file))
    }
    guard entries.count == entryCount else {
      throw CheckpointError(
        offset: cursor.offset,
        "the zip central directory has \(entries.count) entries, but claims \(entryCount)")
    }
    return entries
  }
}

extension ZipArchive.Entry {
  /// Deflate cannot do better than 1032 to 1; what claims more is a trap.
  static let maximumDeflateRatio = 1032
  /// Flags of encrypted, patched and masked entries, which torch refuses too.
  private static let refusedFlags: UInt16 = 0x2061

  fileprivate init(parsing cursor: inout ByteCursor, of file: InputFile) throws(CheckpointError) {
    let start = cursor.offset
    guard try cursor.uint32("central directory entry") == 0x0201_4B50 else {
      throw CheckpointError(offset: start, "no zip central directory entry here, as expected")
    }
    try cursor.skip(4, "versions")
    let flags = try cursor.uint16("flags")
    let method = try cursor.uint16("method")
    try cursor.skip(4, "date")
    checksum = try cursor.uint32("checksum")
    var sizes = ZipSizes(
      compressedSize: UInt64(try cursor.uint32("compressed size")),
      size: UInt64(try cursor.uint32("size")))
    let nameLength = Int(try cursor.uint16("name length"))
    let extraLength = Int(try cursor.uint16("extra length"))
    let commentLength = Int(try cursor.uint16("comment length"))
    try cursor.skip(8, "disk and attributes")
    sizes.offset = UInt64(try cursor.uint32("offset"))
    name = try Self.name(cursor.take(nameLength, "entry name"), at: start)
    try sizes.widen(cursor.divide(extraLength, "extra field"), entry: name)
    try cursor.skip(commentLength, "entry comment")
    self.method = try Self.method(method, flags, entry: name, at: start)
    (compressedSize, size, headerOffset) = try sizes.checked(
      self.method, entry: name, in: file, at: start)
    data = Extent(file: file, offset: headerOffset, count: compressedSize)
  }

  private static func method(_ number: UInt16, _ flags: UInt16, entry name: String, at start: Int)
    throws(CheckpointError) -> ZipArchive.Method
  {
    guard flags & refusedFlags == 0 else {
      throw CheckpointError(
        offset: start,
        "zip entry \(name.quoted) is encrypted or patched (flags 0x\(String(flags, radix: 16)))")
    }
    guard let method = ZipArchive.Method(rawValue: number) else {
      throw CheckpointError(
        offset: start,
        """
        zip entry \(name.quoted) is compressed by method \(number); \
        only 0 (stored) and 8 (deflate) are read
        """)
    }
    return method
  }

  private static func name(_ bytes: ArraySlice<UInt8>, at start: Int)
    throws(CheckpointError) -> String
  {
    guard let name = String(validating: bytes, as: UTF8.self), !bytes.contains(0) else {
      throw CheckpointError(
        offset: start,
        "a zip entry name is not UTF-8 text without NUL: "
          + String(decoding: bytes, as: UTF8.self).quoted)
    }
    return name
  }
}

/// The fields of an entry that a zip64 extra field can widen.
struct ZipSizes {
  var compressedSize: UInt64
  var size: UInt64
  /// Where the local header is; nil in a local header.
  var offset: UInt64?

  /// Replaces those fields that are marked as too narrow. Of an extra field that
  /// is cut, the fields that are not whole are passed over.
  mutating func widen(_ extra: ByteCursor, entry: String, isCut: Bool = false)
    throws(CheckpointError)
  {
    var extra = extra
    var wide: ByteCursor?
    while extra.remaining >= 4 {
      let tag = try extra.uint16("extra tag")
      let length = Int(try extra.uint16("extra length"))
      if isCut, length > extra.remaining { break }
      let field = try extra.divide(length, "extra field of zip entry \(entry.quoted)")
      if tag == 1 {
        guard wide == nil else {
          throw CheckpointError(
            offset: field.offset, "zip entry \(entry.quoted) has two zip64 fields")
        }
        wide = field
      }
    }
    let narrow: UInt64 = 0xFFFF_FFFF
    guard size == narrow || compressedSize == narrow || offset == narrow else { return }
    // Without a zip64 field the marks are ordinary numbers, as miniz has it.
    guard var wide else { return }
    if size == narrow { size = try wide.uint64("zip64 size") }
    if compressedSize == narrow { compressedSize = try wide.uint64("zip64 compressed size") }
    if offset == narrow { offset = try wide.uint64("zip64 offset") }
  }
}

extension ZipSizes {
  /// The sizes as numbers that the file can hold.
  fileprivate func checked(
    _ method: ZipArchive.Method, entry name: String, in file: InputFile, at start: Int
  ) throws(CheckpointError) -> (compressedSize: Int, size: Int, offset: Int) {
    guard let size = Int(exactly: size), let compressedSize = Int(exactly: compressedSize),
      let offset = Int(exactly: offset ?? 0), compressedSize <= file.size, offset <= file.size
    else {
      throw CheckpointError(
        offset: start, "zip entry \(name.quoted) claims more bytes than the file has")
    }
    let (most, overflow) = compressedSize.multipliedReportingOverflow(
      by: ZipArchive.Entry.maximumDeflateRatio)
    guard method == .stored ? size == compressedSize : overflow || size <= most else {
      throw CheckpointError(
        offset: start,
        "zip entry \(name.quoted) cannot hold \(size) bytes in \(compressedSize) bytes")
    }
    return (compressedSize, size, offset)
  }
}
