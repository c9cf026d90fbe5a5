/// Where the data of one tensor goes: to its place in the file, or compressed into slots.
public struct TensorOutput: Sendable {
  private let file: OutputFile
  private let offset: Int
  private let chunks: ChunkWriter?

  /// The place of tensor `index` of a file that is laid out like this.
  public init(_ layout: OutputLayout, _ index: Int, in file: OutputFile) {
    self.file = file
    offset = layout.offsets[index]
    chunks = layout.chunks?.writer(of: index, at: layout.offsets[index], in: file)
  }

  /// Writes bytes of the tensor, which begin at `start`.
  public func write(_ bytes: RawSpan, at start: Int) throws(CheckpointError) {
    if let chunks { return try chunks.write(bytes, at: start) }
    try file.write(bytes, at: offset + start)
  }

  /// Asks the kernel to copy bytes of the tensor; false where that cannot be.
  public func copy(_ source: Extent, at start: Int) throws(CheckpointError) -> Bool {
    guard chunks == nil else { return false }
    return try file.copy(source, to: offset + start)
  }

  /// Has the disk begin with what was written before `range` of the tensor.
  public func startWriteback(behind range: Range<Int>) {
    guard chunks == nil else { return }
    file.startWriteback(behind: offset + range.lowerBound..<offset + range.upperBound)
  }

  /// What became of the blocks; nil for data that is written as it is.
  var written: (writer: ChunkWriter, chunks: [ChunkWriter.Written])? {
    chunks.map { ($0, $0.written()) }
  }

  /// Moves the tensors of a file together, now that their sizes are known, and writes
  /// what depends on that. Only compressed files need it.
  public static func finish(_ outputs: [TensorOutput], of layout: OutputLayout, in file: OutputFile)
    throws(CheckpointError)
  {
    try layout.chunks?.finish(outputs, in: file, offsets: layout.offsets)
  }
}
