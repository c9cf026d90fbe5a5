import Compute
import Formats
import Synchronization

/// The work for one tensor of the output while it is going on.
///
/// Factors are loaded by the first worker that needs them and freed when the
/// last block is done.
final class TensorTask: BlockTask {
  let tensor: PlannedTensor
  let unitCount: Int
  let blockLength: Int
  /// The units that are read and written at a time.
  let pieceLength: Int
  /// Whether the tensor's data can only be read from front to back.
  private let isStreamed: Bool
  let output: TensorOutput
  private let source: Mutex<TensorData?> = Mutex(nil)
  /// What the base has where an adapter's tensor stands.
  let original: OriginalValues?
  /// What is computed, for an update.
  private let computation: UpdateComputation?
  /// Whether the format needs a checksum of what is written.
  let isChecksumWritten: Bool
  /// Whether there is more to do with the bytes of a copy than to copy them.
  let isLookedAt: Bool

  init(
    _ tensor: PlannedTensor, to output: TensorOutput, blocks: BlockSize,
    numerics: Numerics, isChecksumWritten: Bool
  ) {
    self.tensor = tensor
    self.output = output
    self.isChecksumWritten = isChecksumWritten
    isLookedAt = isChecksumWritten || tensor.checksum != nil || tensor.isReplacement
    isStreamed = tensor.isStreamed
    original = tensor.replacement.map(OriginalValues.init)
    switch tensor.operation {
    case .copy:
      unitCount = tensor.byteCount
      // Whole elements, for what looks at them.
      let length = max(8, blocks.copyByteCount / 8 * 8)
      blockLength = isStreamed ? max(1, unitCount) : tensor.source.wholeSlabs(length)
      pieceLength = isLookedAt ? min(length, Self.cachedByteCount) : length
      computation = nil
    case .cast(let record):
      unitCount = record.elementCount
      pieceLength = max(1, blocks.copyByteCount / 8)
      blockLength = isStreamed ? max(1, unitCount) : pieceLength
      computation = nil
    case .update(let update):
      guard let type = tensor.type.element else {
        preconditionFailure("the plan updates only whole-byte float types")
      }
      let computation = UpdateComputation(update, to: type, blocks: blocks, numerics: numerics)
      unitCount = update.rowCount
      blockLength = computation.productLength * blocks.productsPerBlock
      pieceLength = blockLength
      self.computation = computation
    }
  }

  /// Computes and writes the units in `range` and tells what came of it.
  func run(_ range: Range<Int>, scratch: inout WorkerScratch) throws(CheckpointError)
    -> BlockResult
  {
    switch tensor.operation {
    case .copy(let record), .cast(let record):
      if isStreamed { return try stream(record, scratch: &scratch) }
      if try copyUnseen(range, of: record) { return BlockResult() }
      return try pass(range, of: record, scratch: &scratch)
    case .update: return try update(range, scratch: &scratch)
    }
  }

  /// The bytes that are looked at while they are in a core's cache.
  private static let cachedByteCount = 256 << 10

  /// The bytes of output that `range` stands for.
  func byteCount(of range: Range<Int>) -> Int {
    unitCount == 0 ? 0 : tensor.byteCount / unitCount * range.count
  }

  /// The data of the tensor, opened by the first worker that needs it.
  func data(of record: TensorRecord) throws(CheckpointError) -> TensorData {
    try source.withLock { (source) throws(CheckpointError) -> TensorData in
      if let source { return source }
      let data = try TensorData(record)
      source = data
      return data
    }
  }

  /// Writes the first `count` bytes of a buffer; `start` is their place in the tensor.
  func write(_ count: Int, at start: Int, from buffer: borrowing AlignedBuffer)
    throws(CheckpointError) -> RunningChecksum?
  {
    let checksum = try buffer.withPrefix(count) {
      (bytes) throws(CheckpointError) -> RunningChecksum? in
      try output.write(bytes, at: start)
      return isChecksumWritten ? RunningChecksum(bytes) : nil
    }
    output.startWriteback(behind: start..<start + count)
    return checksum
  }

  private func update(_ rows: Range<Int>, scratch: inout WorkerScratch) throws(CheckpointError)
    -> BlockResult
  {
    guard let computation else { preconditionFailure("an update has its computation") }
    var result = BlockResult()
    let statistics = try computation.run(rows, scratch: &scratch)
    if !computation.update.isOfScales { result.update = statistics }
    let width = tensor.byteCount / max(1, unitCount)
    result.written = try write(
      rows.count * width, at: rows.lowerBound * width, from: scratch.output)
    return result
  }
}
