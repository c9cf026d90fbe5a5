/// A zip archive as its central directory describes it.
///
/// Only the central directory is believed, as torch does: it is found from the
/// end of the file, and a local header is read for nothing but the place where
/// the data begins. What a local header says otherwise is kept as a value.
/// Nothing is ever extracted, so names are only names.
struct ZipArchive: Sendable {
  /// More than any checkpoint has; an entry takes about 200 bytes in memory.
  static let maximumEntryCount = 1 << 19
  /// The bytes of a central directory that are read into memory.
  static let maximumDirectorySize = 128 << 20

  let file: InputFile
  /// The entries in the order of the central directory.
  let entries: [Entry]
  /// Where each entry is in `entries`, by its name in lower case.
  private let positions: [String: Int]

  init(_ file: InputFile) throws(CheckpointError) {
    do throws(CheckpointError) {
      let directory = try Directory(of: file)
      var entries = try directory.entries(of: file)
      try entries.locateData(in: file, before: directory.offset)
      try entries.checkOverlaps()
      self.file = file
      self.entries = entries
      positions = try entries.positionsByFoldedName()
    } catch {
      throw error.with(path: file.path)
    }
  }

  /// The entry of this name; case does not count, as in torch.
  subscript(name: String) -> Entry? { positions[name.asciiLowercased].map { entries[$0] } }

  /// One file in the archive.
  struct Entry: Sendable {
    var name: String
    var method: Method
    var checksum: UInt32
    var compressedSize: Int
    var size: Int
    /// Where the local header is.
    var headerOffset: Int
    /// The compressed bytes.
    var data: Extent
    /// What the local header says otherwise than the central directory.
    var disagreement: String?

    var isDirectory: Bool { name.hasSuffix("/") }

    /// How the data is to be read.
    var codec: Codec { method == .stored ? .stored : .deflate(decodedByteCount: size) }

    /// The whole decoded data in memory, which must be at most `limit` bytes.
    func contents(limit: Int) throws(CheckpointError) -> [UInt8] {
      guard size <= limit else {
        throw CheckpointError(
          path: data.file.path, offset: headerOffset,
          "zip entry \(name.quoted) has \(size) bytes; at most \(limit) are read into memory")
      }
      switch method {
      case .stored: return try data.file.read(data.count, at: data.offset)
      case .deflated: return try data.inflated(to: size)
      }
    }
  }

  /// The two methods that torch reads.
  enum Method: UInt16, Sendable {
    case stored = 0
    case deflated = 8
  }
}

extension [ZipArchive.Entry] {
  /// Checks that no two entries share bytes.
  fileprivate func checkOverlaps() throws(CheckpointError) {
    let sorted = self.sorted { $0.headerOffset < $1.headerOffset }
    for (entry, next) in zip(sorted, sorted.dropFirst()) {
      let end = entry.data.offset + entry.data.count
      guard end <= next.headerOffset else {
        throw CheckpointError(
          offset: next.headerOffset,
          """
          zip entry \(next.name.quoted) begins inside entry \(entry.name.quoted), \
          which ends at byte \(end)
          """)
      }
    }
  }

  fileprivate func positionsByFoldedName() throws(CheckpointError) -> [String: Int] {
    var positions = [String: Int](minimumCapacity: count)
    for (position, entry) in enumerated() {
      guard let earlier = positions.updateValue(position, forKey: entry.name.asciiLowercased) else {
        continue
      }
      let other = self[earlier].name
      throw CheckpointError(
        offset: entry.headerOffset,
        other == entry.name
          ? "the zip archive has two entries named \(entry.name.quoted)"
          : "the zip archive has two entries whose names differ only in case: "
            + "\(other.quoted) and \(entry.name.quoted)")
    }
    return positions
  }
}

extension String {
  /// The text with A–Z in lower case and everything else as it is.
  var asciiLowercased: String {
    guard utf8.contains(where: { $0 >= 0x41 && $0 <= 0x5A }) else { return self }
    return String(
      decoding: utf8.map { $0 >= 0x41 && $0 <= 0x5A ? $0 | 0x20 : $0 }, as: UTF8.self)
  }
}
