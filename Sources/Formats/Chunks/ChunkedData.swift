import Synchronization

/// The data of a chunked tensor, decoded slab by slab as it is asked for.
///
/// The slabs that were read last stay in memory, as blocks of work begin and end within
/// them.
final class ChunkedData: Sendable {
  /// Each worker is in one slab, and goes on to the next.
  static let keptSlabs = 4

  let storage: ChunkedStorage
  private let extents: Extents
  private let kept = Mutex<[(slab: Int, bytes: [UInt8])]>([])

  init(_ storage: ChunkedStorage, _ extents: Extents) {
    self.storage = storage
    self.extents = extents
  }

  /// Fills `buffer` with the bytes from `offset` on.
  func read(into buffer: inout MutableRawSpan, at offset: Int) throws(CheckpointError) {
    var done = 0
    while done < buffer.byteCount {
      let slab = (offset + done) / storage.slabByteCount
      let range = storage.range(ofSlab: slab)
      let bytes = try decoded(slab)
      let start = offset + done - range.lowerBound
      let count = min(range.count - start, buffer.byteCount - done)
      var piece = buffer._mutatingExtracting(done..<done + count)
      unsafe piece.withUnsafeMutableBytes { target in
        // Both are `count` bytes long.
        unsafe bytes[start..<start + count].withUnsafeBytes {
          unsafe target.copyMemory(from: $0)
        }
      }
      done += count
    }
  }

  private func decoded(_ slab: Int) throws(CheckpointError) -> [UInt8] {
    if let bytes = kept.withLock({ kept in kept.first { $0.slab == slab }?.bytes }) {
      return bytes
    }
    let bytes = try storage.decodedSlab(slab, extents)
    kept.withLock { kept in
      if kept.count == Self.keptSlabs { kept.removeFirst() }
      kept.append((slab, bytes))
    }
    return bytes
  }
}
