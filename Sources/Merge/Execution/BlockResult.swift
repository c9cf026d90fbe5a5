import Compute

/// What became of one block of a tensor, or of several in order.
struct BlockResult: Combinable {
  /// What an update did.
  var update: UpdateStatistics?
  /// What a conversion could not keep.
  var losses: ConversionLosses?
  /// The checksum of the bytes that were read, where it was asked for.
  var read: RunningChecksum?
  /// The checksum of the bytes that were written, where it was asked for.
  var written: RunningChecksum?

  mutating func combine(_ next: Self) {
    combine(&update, next.update) { $0.combine($1) }
    combine(&losses, next.losses) { $0.combine($1) }
    combine(&read, next.read) { $0.combine($1) }
    combine(&written, next.written) { $0.combine($1) }
  }

  private func combine<Part>(
    _ part: inout Part?, _ next: Part?, _ body: (inout Part, Part) -> Void
  ) {
    guard let next else { return }
    guard var sum = part else {
      part = next
      return
    }
    body(&sum, next)
    part = sum
  }
}

/// The CRC-32 of bytes that come piece by piece.
struct RunningChecksum: Sendable, Hashable {
  private(set) var value: UInt32 = 0
  private var count = 0

  init() {}

  init(_ bytes: RawSpan) { add(bytes) }

  mutating func add(_ bytes: RawSpan) {
    value = Checksum.crc32(bytes, seed: value)
    count += bytes.byteCount
  }

  /// Adds the bytes of another, which follow those of this one.
  mutating func combine(_ next: Self) {
    value = Checksum.combine(value, next.value, count: next.count)
    count += next.count
  }
}
