import Synchronization

/// Takes the bytes of one tensor in any order and writes its blocks compressed.
///
/// Each block has a slot in the file that is large enough for it uncompressed; when all
/// are written they are moved together.
final class ChunkWriter: Sendable {
  /// What became of a block.
  struct Written: Sendable {
    var byteCount: Int
    var mask: UInt32
  }

  let grid: ChunkGrid
  private let compression: ChunkCompression
  private let file: OutputFile
  private let offset: Int
  private let state: Mutex<State>

  private struct State {
    var written: [Written?]
    /// Blocks of which some bytes are still missing.
    var partial: [Int: Partial] = [:]
  }

  private struct Partial {
    var bytes: [UInt8]
    /// The bytes that are there.
    var count: Int
  }

  /// A writer of a tensor whose slots begin at `offset`.
  init(_ grid: ChunkGrid, _ compression: ChunkCompression, to file: OutputFile, at offset: Int) {
    self.grid = grid
    self.compression = compression
    self.file = file
    self.offset = offset
    state = Mutex(State(written: [Written?](repeating: nil, count: grid.count)))
  }

  /// The slot of a block.
  func slot(of chunk: Int) -> Int { offset + chunk * grid.chunkByteCount }

  /// What was written of each block.
  func written() -> [Written] {
    state.withLock { state in state.written.map { $0 ?? Written(byteCount: 0, mask: 0) } }
  }

  /// Takes bytes of the tensor, which begin at `start`.
  func write(_ bytes: RawSpan, at start: Int) throws(CheckpointError) {
    var done = 0
    while done < bytes.byteCount {
      let chunk = grid.chunk(holding: start + done)
      let range = grid.range(of: chunk)
      let count = min(range.upperBound - start - done, bytes.byteCount - done)
      let piece = bytes.extracting(done..<done + count)
      let place = start + done - range.lowerBound
      if let block = add(piece, to: chunk, at: place, of: range.count) {
        try write(block, chunk)
      }
      done += count
    }
  }

  /// Adds bytes to a block; returns it when it is complete, filled up with zeros.
  private func add(_ piece: RawSpan, to chunk: Int, at place: Int, of total: Int) -> [UInt8]? {
    var partial =
      state.withLock { $0.partial.removeValue(forKey: chunk) }
      ?? Partial(bytes: [UInt8](repeating: 0, count: grid.chunkByteCount), count: 0)
    copy(piece, to: &partial.bytes, at: place)
    partial.count += piece.byteCount
    if partial.count == total { return partial.bytes }
    state.withLock { [partial] state in
      // Somebody else may have begun the same block meanwhile.
      guard let other = state.partial[chunk] else {
        state.partial[chunk] = partial
        return
      }
      state.partial[chunk] = Partial(
        bytes: zip(other.bytes, partial.bytes).map { $0 | $1 }, count: other.count + partial.count)
    }
    return takeComplete(chunk, of: total)
  }

  private func takeComplete(_ chunk: Int, of total: Int) -> [UInt8]? {
    state.withLock { state in
      guard state.partial[chunk]?.count == total else { return nil }
      return state.partial.removeValue(forKey: chunk)?.bytes
    }
  }

  private func write(_ block: [UInt8], _ chunk: Int) throws(CheckpointError) {
    let encoded = try compression.encode(block, width: grid.width)
    try file.write(encoded.bytes, at: slot(of: chunk))
    state.withLock {
      $0.written[chunk] = Written(byteCount: encoded.bytes.count, mask: encoded.mask)
    }
  }
}

/// Puts the bytes of `source` at `place`.
private func copy(_ source: RawSpan, to target: inout [UInt8], at place: Int) {
  precondition(place >= 0 && place + source.byteCount <= target.count)
  // Both ranges were just checked.
  unsafe target.withUnsafeMutableBytes { target in
    unsafe source.withUnsafeBytes { source in
      unsafe UnsafeMutableRawBufferPointer(rebasing: target[place..<place + source.count])
        .copyMemory(from: source)
    }
  }
}
