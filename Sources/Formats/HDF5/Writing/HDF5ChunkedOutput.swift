/// A file whose tensors are compressed: where everything goes is known only when the
/// data is written.
public struct HDF5ChunkedOutput: Sendable {
  let image: HDF5Image
  let compression: ChunkCompression
  /// How each tensor is cut; nil for one that is not.
  let grids: [ChunkGrid?]
  /// The bytes of each tensor before compression.
  let byteCounts: [Int]

  /// The bytes that are moved at a time.
  private static let step = 4 << 20

  /// What the file takes whatever is compressed how well: headers, and tensors that are
  /// not cut.
  var minimumByteCount: Int {
    zip(grids, byteCounts).reduce(image.byteCount) { $1.0 == nil ? $0 + $1.1 : $0 }
  }

  /// The writer of a tensor that is cut.
  func writer(of index: Int, at offset: Int, in file: OutputFile) -> ChunkWriter? {
    grids[index].map { ChunkWriter($0, compression, to: file, at: offset) }
  }

  /// The room that a tensor has while it is written.
  static func slotByteCount(_ grid: ChunkGrid?, byteCount: Int) -> Int {
    grid.map { $0.count * $0.chunkByteCount } ?? byteCount
  }

  /// Moves all data together in the order of the tensors, and writes the headers. Returns
  /// the size of the file.
  func finish(_ outputs: [TensorOutput], in file: OutputFile, offsets slots: [Int])
    throws(CheckpointError) -> Int
  {
    var end = image.byteCount
    var offsets: [Int] = []
    var chunks: [[HDF5Image.Chunk]] = []
    for (index, output) in outputs.enumerated() {
      end = HDF5Layout.aligned(end)
      offsets.append(end)
      guard let written = output.written else {
        try move(byteCounts[index], from: slots[index], to: end, in: file)
        end += byteCounts[index]
        chunks.append([])
        continue
      }
      var table: [HDF5Image.Chunk] = []
      for (chunk, result) in written.chunks.enumerated() {
        try move(result.byteCount, from: written.writer.slot(of: chunk), to: end, in: file)
        table.append(
          HDF5Image.Chunk(offset: end, byteCount: result.byteCount, mask: result.mask))
        end += result.byteCount
      }
      chunks.append(table)
    }
    var image = image
    _ = image.build(offsets: offsets, chunks: chunks, end: end)
    try file.write(image.bytes, at: 0)
    try file.truncate(to: max(end, image.byteCount))
    return max(end, image.byteCount)
  }

  /// Moves bytes towards the start of the file.
  private func move(_ count: Int, from: Int, to: Int, in file: OutputFile) throws(CheckpointError) {
    guard from != to else { return }
    for start in stride(from: 0, to: count, by: Self.step) {
      try Interruption.check()
      let part = min(Self.step, count - start)
      try file.write(try file.read(part, at: from + start), at: to + start)
    }
  }
}
