import Compute

/// A checksum that a file states of a part of itself.
public struct StoredChecksum: Sendable {
  /// The bytes that are read from a file at a time.
  private static let blockSize = 1 << 18

  /// The name of the part.
  public var name: String { entry.name }
  /// The bytes of the part as they lie in the file.
  public var extent: Extent { entry.data }
  /// Whether the checksum is that of the bytes as they lie in the file.
  public var isPlain: Bool { entry.method == .stored }
  /// The CRC-32 that the file states.
  public var value: UInt32 { entry.checksum }

  private let entry: ZipArchive.Entry

  init(_ entry: ZipArchive.Entry) { self.entry = entry }

  /// Reads the part and computes its checksum.
  public func computed() throws(CheckpointError) -> UInt32 {
    var checksum: UInt32 = 0
    var source: Inflate?
    if entry.method == .deflated {
      source = try Inflate(entry.data, decodedByteCount: entry.size)
    }
    var block = [UInt8](repeating: 0, count: min(Self.blockSize, entry.size))
    var done = 0
    while done < entry.size {
      try Interruption.check()
      let count = min(block.count, entry.size - done)
      if count < block.count { block.removeLast(block.count - count) }
      var span = block.mutableSpan
      var raw = unsafe span.mutableBytes
      if source == nil {
        try entry.data.file.read(into: &raw, at: entry.data.offset + done)
      } else {
        try source?.read(into: &raw)
      }
      checksum = Checksum.crc32(raw.bytes, seed: checksum)
      done += count
    }
    try source?.finish()
    return checksum
  }

  /// One finding for all checksums of a file that are not what they should be.
  ///
  /// torch never checks them and can be told to write wrong ones, so a wrong
  /// checksum is a finding and no error. Those of `records` whose bytes it is about are named.
  public static func finding(
    _ wrong: [(checksum: StoredChecksum, found: UInt32)], of records: [TensorRecord] = []
  ) -> Finding? {
    guard let (first, found) = wrong.first else { return nil }
    let tensors = records.filter { record in
      wrong.contains { $0.checksum.covers(record) }
    }.map(\.name)
    let names = TorchFindings.shortList(wrong.map(\.checksum.name.quoted))
    let example =
      "\(first.name.quoted) has 0x\(String(found, radix: 16)), "
      + "but its entry says 0x\(String(first.value, radix: 16))"
    return Finding(
      .warning, .checksumMismatch, tensors: tensors,
      (wrong.count == 1
        ? "the checksum of one zip entry is wrong: \(example)"
        : "the checksums of \(wrong.count) zip entries are wrong: \(names); \(example)")
        + (tensors.isEmpty
          ? "" : "; the data of \(TorchFindings.shortList(tensors.map(\.quoted)))"))
  }

  /// Whether bytes of the tensor lie in the part.
  private func covers(_ record: TensorRecord) -> Bool {
    record.bytes?.extents.contains { other in
      other.file.path == extent.file.path
        && other.offset - extent.offset < extent.count
        && extent.offset - other.offset < other.count
    } ?? false
  }
}
