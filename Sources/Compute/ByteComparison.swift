internal import CKernels

/// Comparison of memory as it is.
public enum ByteComparison {
  /// Whether the two hold the same bytes; both have the same length.
  public static func isEqual(_ a: RawSpan, _ b: RawSpan) -> Bool {
    precondition(a.byteCount == b.byteCount, "\(a.byteCount) and \(b.byteCount) bytes")
    let count = a.byteCount
    guard count > 0 else { return true }
    // Both hold `count` bytes.
    return unsafe a.withUnsafeBytes { a in
      unsafe b.withUnsafeBytes { b in
        unsafe kernel_bytes_equal(a.baseAddress, b.baseAddress, count) != 0
      }
    }
  }

  /// A number that depends on every byte of `bytes` and on `seed`, the number of
  /// what comes before them. Different bytes rarely have the same; somebody who
  /// wants can make them.
  public static func fingerprint(of bytes: RawSpan, after seed: UInt64 = 0) -> UInt64 {
    let count = bytes.byteCount
    // The kernel reads `count` bytes.
    return unsafe bytes.withUnsafeBytes { bytes in
      guard let start = bytes.baseAddress else { return seed }
      return unsafe kernel_fingerprint(start, count, seed)
    }
  }
}
