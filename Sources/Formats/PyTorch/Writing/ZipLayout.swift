import Compute

/// The layout of a zip archive of stored entries, before their data exists.
///
/// Sizes are in the local and in the central headers, so that no descriptors are
/// needed; data begins at multiples of 64. The wide fields of zip64 are there only
/// where a number needs them.
struct ZipLayout {
  /// One file in the archive.
  struct Entry {
    var name: String
    var contents: Contents
  }

  enum Contents {
    case known([UInt8])
    /// This many bytes, which are written later; so is their checksum.
    case later(Int)
  }

  /// Where an entry is.
  struct Place: Hashable {
    var header: Int
    var data: Int
    /// Where the checksum goes: in the local and in the central header.
    var checksums: [Int]
  }

  /// What the data of every entry begins at a multiple of, as torch has it.
  static let alignment = 64
  /// The mark for a number that does not fit into 32 bits.
  static let narrow = 0xFFFF_FFFF

  private(set) var fixed: [(offset: Int, bytes: [UInt8])] = []
  private(set) var places: [Place] = []
  private(set) var byteCount = 0

  init(_ entries: [Entry]) throws(CheckpointError) {
    for entry in entries { try place(entry) }
    let start = byteCount
    var central: [UInt8] = []
    for (position, entry) in entries.enumerated() {
      places[position].checksums.append(start + central.count + Self.centralChecksum)
      central += Self.centralHeader(entry, at: places[position].header)
    }
    let end = Self.end(count: entries.count, directory: start, byteCount: central.count)
    fixed.append((start, central + end))
    byteCount = try Self.sum(start, central.count + end.count)
  }

  private mutating func place(_ entry: Entry) throws(CheckpointError) {
    let header = Self.localHeader(entry, at: byteCount)
    let data = try Self.sum(byteCount, header.count)
    places.append(
      Place(header: byteCount, data: data, checksums: [byteCount + Self.localChecksum]))
    if case .known(let bytes) = entry.contents {
      fixed.append((byteCount, header + bytes))
    } else {
      fixed.append((byteCount, header))
    }
    byteCount = try Self.sum(data, entry.byteCount)
  }

  private static func sum(_ a: Int, _ b: Int) throws(CheckpointError) -> Int {
    let (sum, overflow) = a.addingReportingOverflow(b)
    // Room for what follows, too.
    guard !overflow, sum < Int.max / 2 else {
      throw CheckpointError("the tensors take more bytes than a file can hold")
    }
    return sum
  }

  // The headers, field by field.

  private static let localChecksum = 14
  private static let centralChecksum = 16

  /// Names are UTF-8.
  private static let flags: UInt16 = 0x0800
  /// 1 January 1980, the first that there is.
  private static let date: UInt16 = 0x0021

  private static func localHeader(_ entry: Entry, at offset: Int) -> [UInt8] {
    let name = Array(entry.name.utf8)
    let wide = entry.byteCount >= narrow
    var extra = LittleEndian()
    if wide { extra.wide([entry.byteCount, entry.byteCount]) }
    let end = offset % alignment + 30 + name.count + extra.bytes.count
    extra.pad((alignment - end % alignment) % alignment)
    var header = LittleEndian()
    header.uint32(0x0403_4B50)
    header.uint16(wide ? 45 : 20)
    header.common(entry)
    header.uint16(UInt16(name.count))
    header.uint16(UInt16(extra.bytes.count))
    return header.bytes + name + extra.bytes
  }

  private static func centralHeader(_ entry: Entry, at offset: Int) -> [UInt8] {
    let name = Array(entry.name.utf8)
    var numbers: [Int] = entry.byteCount >= narrow ? [entry.byteCount, entry.byteCount] : []
    if offset >= narrow { numbers.append(offset) }
    var extra = LittleEndian()
    if !numbers.isEmpty { extra.wide(numbers) }
    let version: UInt16 = numbers.isEmpty ? 20 : 45
    var header = LittleEndian()
    header.uint32(0x0201_4B50)
    header.uint16(version)
    header.uint16(version)
    header.common(entry)
    header.uint16(UInt16(name.count))
    header.uint16(UInt16(extra.bytes.count))
    // No comment, disk 0, no attributes.
    for _ in 0..<5 { header.uint16(0) }
    header.narrow(offset)
    return header.bytes + name + extra.bytes
  }

  /// What ends an archive whose central directory is at `directory`.
  private static func end(count: Int, directory: Int, byteCount: Int) -> [UInt8] {
    var end = LittleEndian()
    if count >= 0xFFFF || directory >= narrow || byteCount >= narrow {
      end.uint32(0x0606_4B50)
      end.uint64(44)
      end.uint16(45)
      end.uint16(45)
      end.uint64(0)
      for number in [count, count, byteCount, directory] { end.uint64(number) }
      end.uint32(0x0706_4B50)
      end.uint32(0)
      end.uint64(directory + byteCount)
      end.uint32(1)
    }
    end.uint32(0x0605_4B50)
    end.uint32(0)
    for _ in 0..<2 { end.uint16(UInt16(min(count, 0xFFFF))) }
    end.narrow(byteCount)
    end.narrow(directory)
    end.uint16(0)
    return end.bytes
  }

  /// A buffer of little-endian numbers.
  private struct LittleEndian {
    var bytes: [UInt8] = []

    mutating func uint16(_ value: UInt16) { append(UInt64(value), 2) }
    mutating func uint32(_ value: UInt32) { append(UInt64(value), 4) }
    mutating func uint64(_ value: Int) { append(UInt64(value), 8) }

    /// A number in 32 bits, or the mark that it is in the zip64 field.
    mutating func narrow(_ value: Int) { append(UInt64(min(value, ZipLayout.narrow)), 4) }

    /// The zip64 field of these numbers.
    mutating func wide(_ numbers: [Int]) {
      uint16(1)
      uint16(UInt16(8 * numbers.count))
      for number in numbers { uint64(number) }
    }

    /// A field of `count` bytes that says nothing, under torch's own tag; a whole
    /// step more where `count` is too few for a tag.
    mutating func pad(_ count: Int) {
      guard count > 0 else { return }
      let length = (count < 4 ? count + alignment : count) - 4
      bytes += Array("FB".utf8)
      uint16(UInt16(length))
      bytes += [UInt8](repeating: UInt8(ascii: "Z"), count: length)
    }

    /// The fields from the flags to the sizes, which both headers have.
    mutating func common(_ entry: Entry) {
      uint16(ZipLayout.flags)
      // Stored, at midnight.
      uint16(0)
      uint16(0)
      uint16(ZipLayout.date)
      uint32(entry.checksum)
      for _ in 0..<2 { narrow(entry.byteCount) }
    }

    private mutating func append(_ value: UInt64, _ count: Int) {
      for byte in 0..<count { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * byte))) }
    }
  }
}

extension ZipLayout.Entry {
  fileprivate var byteCount: Int {
    switch contents {
    case .known(let bytes): bytes.count
    case .later(let count): count
    }
  }

  /// The checksum, 0 where it is not known yet.
  fileprivate var checksum: UInt32 {
    switch contents {
    case .known(let bytes): Checksum.crc32(unsafe bytes.span.bytes)
    case .later: 0
    }
  }
}
