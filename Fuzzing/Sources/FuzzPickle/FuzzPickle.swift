import Formats
import Trial

/// Any bytes as the pickle of a PyTorch archive with a few storages.
@c(LLVMFuzzerTestOneInput)
public func fuzzPickle(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  // The pointer is libFuzzer's, and valid for as many bytes as it says.
  let pickle = unsafe Trial.bytes(start, count)
  let storage = [UInt8](repeating: 0x3F, count: 256)
  let archive = StoredArchive([
    ("a/data.pkl", pickle), ("a/version", Array("3\n".utf8)),
    ("a/data/0", storage), ("a/data/1", storage), ("a/data/2", storage),
  ])
  Trial.run(archive.bytes) { file throws(CheckpointError) in try PyTorchReader.read(file) }
  return 0
}

/// A zip archive of stored entries without checksums, which no reader of tensors
/// asks for.
struct StoredArchive {
  private(set) var bytes: [UInt8] = []

  init(_ entries: [(name: String, data: [UInt8])]) {
    var directory: [UInt8] = []
    for (name, data) in entries {
      let offset = bytes.count
      let fields = Self.fields(name, data.count)
      bytes += [0x50, 0x4B, 3, 4] + fields + name.utf8 + data
      // No comment, the first disk, no attributes.
      directory += [0x50, 0x4B, 1, 2] + Self.number(20, 2) + fields
      directory += Self.number(0, 10) + Self.number(offset, 4) + name.utf8
    }
    let start = bytes.count
    bytes += directory + [0x50, 0x4B, 5, 6] + Self.number(0, 4)
    bytes += Self.number(entries.count, 2) + Self.number(entries.count, 2)
    bytes += Self.number(directory.count, 4) + Self.number(start, 4) + Self.number(0, 2)
  }

  /// What the local header and the central directory have in common.
  private static func fields(_ name: String, _ size: Int) -> [UInt8] {
    // Version, flags, method, time, date and checksum; no extra field.
    number(20, 2) + number(0, 2) + number(0, 2) + number(0, 4) + number(0, 4)
      + number(size, 4) + number(size, 4) + number(name.utf8.count, 2) + number(0, 2)
  }

  private static func number(_ value: Int, _ width: Int) -> [UInt8] {
    (0..<width).map { $0 < 8 ? UInt8(truncatingIfNeeded: value >> (8 * $0)) : 0 }
  }
}
