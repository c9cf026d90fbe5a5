extension [ZipArchive.Entry] {
  /// Reads the local headers for where the data begins and for what they say
  /// otherwise than the central directory.
  mutating func locateData(in file: InputFile, before directory: Int) throws(CheckpointError) {
    for position in indices { try self[position].locateData(in: file, before: directory) }
  }
}

extension ZipArchive.Entry {
  private static let localHeaderSize = 30
  private static let localSignature: UInt32 = 0x0403_4B50

  fileprivate mutating func locateData(in file: InputFile, before directory: Int)
    throws(CheckpointError)
  {
    guard headerOffset + Self.localHeaderSize <= directory else {
      throw CheckpointError(
        offset: headerOffset,
        "zip entry \(name.quoted) has no room for its local header before the central directory")
    }
    // One read gets the header, the name and as much of the extra field as can be
    // of interest; what follows there is padding.
    let size = min(Self.localHeaderSize + name.utf8.count + 72, directory - headerOffset)
    var cursor = ByteCursor(try file.read(size, at: headerOffset), base: headerOffset)
    guard try cursor.uint32("local header") == Self.localSignature else {
      throw CheckpointError(
        offset: headerOffset, "zip entry \(name.quoted) has no local header here")
    }
    let local = try LocalHeader(parsing: &cursor)
    // Cannot overflow: both lengths are 16 bits wide.
    let start = headerOffset + Self.localHeaderSize + local.nameLength + local.extraLength
    guard start <= directory, data.count <= directory - start else {
      throw CheckpointError(
        offset: headerOffset,
        """
        zip entry \(name.quoted) claims \(data.count) bytes from byte \(start) on, \
        but the central directory begins at byte \(directory)
        """)
    }
    data = Extent(file: file, offset: start, count: data.count)
    disagreement = try disagreement(with: local, &cursor)
  }

  /// What the local header says otherwise than this entry, or nil.
  private func disagreement(with local: LocalHeader, _ rest: inout ByteCursor)
    throws(CheckpointError) -> String?
  {
    guard local.nameLength == name.utf8.count, local.nameLength <= rest.remaining else {
      return "the local header has a name of \(local.nameLength) bytes, "
        + "the central directory one of \(name.utf8.count)"
    }
    let localName = try rest.take(local.nameLength, "local name")
    guard localName.elementsEqual(name.utf8) else {
      return "the local header is named " + String(decoding: localName, as: UTF8.self).quoted
    }
    guard local.method == method.rawValue else {
      return "the local header has method \(local.method), the central directory \(method.rawValue)"
    }
    guard local.flags & 0x2061 == 0 else {
      return "the local header is marked as encrypted or patched"
    }
    var sizes = local.sizes
    do throws(CheckpointError) {
      let extra = min(local.extraLength, rest.remaining)
      try sizes.widen(rest.divide(extra, "extra field"), entry: name, isCut: true)
    } catch {
      return "the extra field of the local header is damaged: \(error.message)"
    }
    // With a data descriptor the local header may leave the fields empty.
    let isLater = local.flags & 8 != 0
    for (field, here, there) in [
      ("checksum", UInt64(local.checksum), UInt64(checksum)),
      ("size", sizes.size, UInt64(size)),
      ("compressed size", sizes.compressedSize, UInt64(compressedSize)),
    ] where here != there && !(isLater && here == 0) {
      return "the local header has \(field) \(here), the central directory \(there)"
    }
    return nil
  }
}

/// The fixed part of a local header, behind its signature.
private struct LocalHeader {
  var flags: UInt16
  var method: UInt16
  var checksum: UInt32
  var sizes: ZipSizes
  var nameLength: Int
  var extraLength: Int

  init(parsing cursor: inout ByteCursor) throws(CheckpointError) {
    try cursor.skip(2, "version")
    flags = try cursor.uint16("flags")
    method = try cursor.uint16("method")
    try cursor.skip(4, "date")
    checksum = try cursor.uint32("checksum")
    let compressedSize = UInt64(try cursor.uint32("compressed size"))
    sizes = ZipSizes(compressedSize: compressedSize, size: UInt64(try cursor.uint32("size")))
    nameLength = Int(try cursor.uint16("name length"))
    extraLength = Int(try cursor.uint16("extra length"))
  }
}
