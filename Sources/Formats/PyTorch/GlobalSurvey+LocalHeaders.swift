extension GlobalSurvey {
  /// The local headers that are followed, and the bytes that are searched for the next
  /// one where a header does not say how long its data is.
  private static let maximumHeaders = 1 << 12
  private static let maximumGap = 1 << 20

  /// The globals of the pickles behind local headers: what is left to look at where the
  /// central directory of an archive cannot be read.
  static func behindLocalHeaders(_ file: InputFile) -> [TorchGlobal] {
    var globals: [TorchGlobal] = []
    var position = 0
    var pickles = 0
    for _ in 0..<maximumHeaders where pickles < maximumPickles {
      guard let entry = try? LocalEntry(file, at: position) else { break }
      if entry.name.asciiLowercased.hasSuffix(".pkl") {
        pickles += 1
        globals += entry.source(in: file).map { PickleMachine.survey($0).globals } ?? []
      }
      guard let next = entry.end ?? nextHeader(in: file, from: entry.start) else { break }
      position = next
    }
    return globals
  }

  private static func nextHeader(in file: InputFile, from start: Int) -> Int? {
    guard let bytes = try? file.read(min(maximumGap, file.size - start), at: start) else {
      return nil
    }
    let signature = LocalEntry.signatureBytes
    return bytes.indices.dropLast(3).first { bytes[$0...].starts(with: signature) }
      .map { start + $0 }
  }
}

/// An entry of a zip archive as its local header alone describes it.
private struct LocalEntry {
  static let signatureBytes: [UInt8] = [0x50, 0x4B, 3, 4]
  private static let headerSize = 30

  let name: String
  /// Where the data begins.
  let start: Int
  private let method: UInt16
  private let compressedSize: UInt32
  private let size: UInt32

  init(_ file: InputFile, at offset: Int) throws(CheckpointError) {
    var cursor = ByteCursor(try file.read(Self.headerSize, at: offset), base: offset)
    guard try cursor.take(4, "signature").elementsEqual(Self.signatureBytes) else {
      throw CheckpointError(offset: offset, "no local header is here")
    }
    try cursor.skip(4, "version and flags")
    method = try cursor.uint16("method")
    try cursor.skip(8, "time and checksum")
    compressedSize = try cursor.uint32("compressed size")
    size = try cursor.uint32("size")
    let nameLength = Int(try cursor.uint16("name length"))
    let extraLength = Int(try cursor.uint16("extra length"))
    let nameStart = offset + Self.headerSize
    name = String(decoding: try file.read(nameLength, at: nameStart), as: UTF8.self)
    start = nameStart + nameLength + extraLength
  }

  /// Where the data ends, if the header says it.
  var end: Int? {
    compressedSize == 0 || compressedSize == .max ? nil : start + Int(compressedSize)
  }

  /// The data as a pickle; nil where it cannot be inflated.
  func source(in file: InputFile) -> PickleSource? {
    guard method != 0 else { return PickleSource(file, at: start) }
    guard let end, end <= file.size, Int(size) <= PickleSource.maximumInflatedSize,
      let bytes = try? Extent(file: file, offset: start, count: end - start)
        .inflated(to: Int(size))
    else { return nil }
    return PickleSource(bytes, base: 0)
  }
}
