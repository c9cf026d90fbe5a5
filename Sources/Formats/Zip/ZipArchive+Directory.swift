extension ZipArchive {
  /// Where the central directory is and how many entries it has.
  struct Directory {
    static let endSignature: [UInt8] = [0x50, 0x4B, 5, 6]
    static let endSize = 22
    /// The comment behind the end record is at most this long.
    static let maximumCommentSize = 0xFFFF
    static let locatorSize = 20
    static let wideEndSize = 56

    var offset: Int
    var size: Int
    var entryCount: Int

    /// Finds the end record: the last of the file, and the only one that fits.
    ///
    /// A second one, in a comment or behind the end, would make two archives out
    /// of one file, and which one a program sees would depend on the program.
    init(of file: InputFile) throws(CheckpointError) {
      let tailSize = min(file.size, Self.endSize + Self.maximumCommentSize)
      let start = file.size - tailSize
      let tail = try file.read(tailSize, at: start)
      let positions = (0..<max(0, tailSize - Self.endSize + 1)).filter {
        tail[$0] == 0x50 && tail[$0..<$0 + 4].elementsEqual(Self.endSignature)
      }
      guard let last = positions.last else {
        throw CheckpointError(
          offset: start,
          "no end of a zip central directory found; the file is cut short or not a zip archive")
      }
      self = try Directory(endRecord: tail[last..<last + Self.endSize], at: start + last, of: file)
      // The data of a tensor may hold the signature, but not one that fits.
      for position in positions.dropLast() {
        let record = tail[position..<position + Self.endSize]
        guard (try? Directory(endRecord: record, at: start + position, of: file)) == nil else {
          throw CheckpointError(
            offset: start + position,
            "a second zip central directory ends here; expected one, as programs would differ")
        }
      }
    }

    private init(endRecord: ArraySlice<UInt8>, at position: Int, of file: InputFile)
      throws(CheckpointError)
    {
      var cursor = ByteCursor(endRecord, base: position)
      try cursor.skip(4, "end signature")
      let disk = try cursor.uint16("disk number")
      let firstDisk = try cursor.uint16("first disk")
      let countHere = try cursor.uint16("entry count of this disk")
      let count = try cursor.uint16("entry count")
      let size = try cursor.uint32("directory size")
      let offset = try cursor.uint32("directory offset")
      if let wide = try WideEnd(before: position, of: file) {
        // The narrow fields must say the same or be marked as too narrow.
        guard count == .max || UInt64(count) == wide.entryCount,
          size == .max || UInt64(size) == wide.size,
          offset == .max || UInt64(offset) == wide.offset
        else {
          throw CheckpointError(
            offset: position, "the zip64 end record disagrees with the end record")
        }
        try self.init(
          offset: wide.offset, size: wide.size, entryCount: wide.entryCount, end: wide.position)
      } else {
        guard disk == 0, firstDisk == 0, countHere == count else {
          throw CheckpointError(
            offset: position, "the zip archive is split over several disks; expected one file")
        }
        try self.init(
          offset: UInt64(offset), size: UInt64(size), entryCount: UInt64(count), end: position)
      }
    }

    private init(offset: UInt64, size: UInt64, entryCount: UInt64, end: Int)
      throws(CheckpointError)
    {
      guard let offset = Int(exactly: offset), let size = Int(exactly: size),
        offset <= end, size == end - offset
      else {
        throw CheckpointError(
          offset: end,
          """
          the zip central directory claims \(size) bytes from byte \(offset) on, \
          but its end record is at byte \(end)
          """)
      }
      guard size <= ZipArchive.maximumDirectorySize else {
        throw CheckpointError(
          offset: offset,
          """
          the zip central directory has \(size) bytes; \
          at most \(ZipArchive.maximumDirectorySize) are read
          """)
      }
      guard entryCount <= ZipArchive.maximumEntryCount else {
        throw CheckpointError(
          offset: end,
          """
          the zip central directory claims \(entryCount) entries; \
          at most \(ZipArchive.maximumEntryCount) are read
          """)
      }
      self.offset = offset
      self.size = size
      self.entryCount = Int(entryCount)
    }
  }

  /// The zip64 form of the end record.
  private struct WideEnd {
    var position: Int
    var entryCount: UInt64
    var size: UInt64
    var offset: UInt64

    /// Reads the record that a locator right before `end` points to, if any.
    init?(before end: Int, of file: InputFile) throws(CheckpointError) {
      let locator = end - Directory.locatorSize
      guard locator >= Directory.wideEndSize else { return nil }
      var cursor = ByteCursor(try file.read(Directory.locatorSize, at: locator), base: locator)
      guard try cursor.uint32("locator signature") == 0x0706_4B50 else { return nil }
      try cursor.skip(4, "disk of the zip64 end record")
      let claimed = try cursor.uint64("offset of the zip64 end record")
      guard let position = Int(exactly: claimed), position <= locator - Directory.wideEndSize else {
        throw CheckpointError(
          offset: locator, "the zip64 end record cannot be at byte \(claimed) of this file")
      }
      cursor = ByteCursor(try file.read(Directory.wideEndSize, at: position), base: position)
      guard try cursor.uint32("zip64 end signature") == 0x0606_4B50 else {
        throw CheckpointError(offset: position, "no zip64 end record here, as its locator says")
      }
      let rest = try cursor.uint64("zip64 end record size")
      guard rest == UInt64(locator - position - 12) else {
        throw CheckpointError(
          offset: position,
          "the zip64 end record claims \(rest) bytes, but its locator is \(locator - position) on")
      }
      try cursor.skip(4, "versions")
      let disks = [try cursor.uint32("disk number"), try cursor.uint32("first disk")]
      let countHere = try cursor.uint64("entry count of this disk")
      entryCount = try cursor.uint64("entry count")
      guard disks == [0, 0], countHere == entryCount else {
        throw CheckpointError(
          offset: position, "the zip archive is split over several disks; expected one file")
      }
      size = try cursor.uint64("directory size")
      offset = try cursor.uint64("directory offset")
      self.position = position
    }
  }
}
