public import Compute
import Crypto
public import Formats

/// What the values of one tensor are like: the one part of an inspection that
/// reads data.
public struct TensorSummary: Sendable {
  /// Nil where it was not asked for, or where the type has no numbers to compare.
  public let statistics: ValueStatistics?
  /// The SHA-256 of the bytes in row-major order, in hexadecimal; nil where it was
  /// not asked for.
  public let sha256: String?

  /// The bytes that are read at a time: a multiple of the block of the statistics
  /// for every width of an element.
  private static let blockByteCount = ValueStatistics.blockLength * 8 * 32

  /// Reads the tensor once; nil where the file holds no data for it.
  public init?(_ record: TensorRecord, statistics wantsStatistics: Bool, hash wantsHash: Bool)
    throws(CheckpointError)
  {
    guard record.bytes != nil else { return nil }
    let data = try TensorData(record)
    let numbers = record.type.element.flatMap { ValueStatistics.isNumeric($0) ? $0 : nil }
    var statistics = ValueStatistics()
    var hash = SHA256()
    var buffer = AlignedBuffer(byteCount: min(Self.blockByteCount, data.byteCount))
    for offset in stride(from: 0, to: data.byteCount, by: Self.blockByteCount) {
      try Interruption.check()
      let count = min(Self.blockByteCount, data.byteCount - offset)
      try buffer.withMutablePrefix(count) { (bytes) throws(CheckpointError) in
        try data.read(into: &bytes, at: offset)
      }
      buffer.withPrefix(count) { bytes in
        if wantsStatistics, let numbers { statistics.add(bytes, of: numbers) }
        // The hash only reads, and no further than the span goes.
        if wantsHash { unsafe bytes.withUnsafeBytes { unsafe hash.update(bufferPointer: $0) } }
      }
    }
    self.statistics = wantsStatistics && numbers != nil ? statistics : nil
    sha256 = wantsHash ? Self.hexadecimal(hash.finalize()) : nil
  }

  private static func hexadecimal(_ digest: SHA256.Digest) -> String {
    digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
