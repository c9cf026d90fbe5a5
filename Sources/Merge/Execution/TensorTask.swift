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
  /// The units that are in memory at a time, where a worker has the whole tensor.
  private let pieceLength: Int
  /// Whether the tensor's data can only be read from front to back.
  private let isStreamed: Bool
  private let output: TensorOutput
  private let source: Mutex<TensorData?> = Mutex(nil)
  /// What the base has where an adapter's tensor stands.
  let original: OriginalValues?
  /// What is computed, for an update.
  private let computation: UpdateComputation?
  /// Whether the format needs a checksum of what is written.
  private let isChecksumWritten: Bool

  init(
    _ tensor: PlannedTensor, to output: TensorOutput, blocks: BlockSize,
    numerics: Numerics, isChecksumWritten: Bool
  ) {
    self.tensor = tensor
    self.output = output
    self.isChecksumWritten = isChecksumWritten
    isStreamed = tensor.isStreamed
    original = tensor.replacement.map(OriginalValues.init)
    switch tensor.operation {
    case .copy:
      unitCount = tensor.byteCount
      pieceLength = blocks.copyByteCount
      blockLength = isStreamed ? max(1, unitCount) : tensor.source.wholeSlabs(pieceLength)
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
    case .copy(let record) where isStreamed, .cast(let record) where isStreamed:
      try stream(record, scratch: &scratch)
    case .copy(let record): try copy(record, range, scratch: &scratch)
    case .cast(let record): try cast(record, range, scratch: &scratch)
    case .update: try update(range, scratch: &scratch)
    }
  }

  /// The bytes that are looked at while they are in a core's cache.
  private static let checkedByteCount = 256 << 10

  private var isChecksumRead: Bool { tensor.checksum != nil }

  /// The bytes of output that `range` stands for.
  func byteCount(of range: Range<Int>) -> Int {
    unitCount == 0 ? 0 : tensor.byteCount / unitCount * range.count
  }

  private func data(of record: TensorRecord) throws(CheckpointError) -> TensorData {
    try source.withLock { (source) throws(CheckpointError) -> TensorData in
      if let source { return source }
      let data = try TensorData(record)
      source = data
      return data
    }
  }

  private func copy(_ record: TensorRecord, _ range: Range<Int>, scratch: inout WorkerScratch)
    throws(CheckpointError) -> BlockResult
  {
    let isChecked = isChecksumWritten || isChecksumRead || tensor.isReplacement
    if !isChecked, let extent = record.plainExtent {
      let part = Extent(
        file: extent.file, offset: extent.offset + range.lowerBound, count: range.count)
      if try output.copy(part, at: range.lowerBound) {
        startWriteback(behind: range)
        return BlockResult()
      }
    }
    let data = try data(of: record)
    var checksum = RunningChecksum()
    let step = isChecked ? Self.checkedByteCount : min(range.count, pieceLength)
    for start in stride(from: range.lowerBound, to: range.upperBound, by: step) {
      let count = min(step, range.upperBound - start)
      try scratch.input.withMutablePrefix(count) { (bytes) throws(CheckpointError) in
        try data.read(into: &bytes, at: start)
      }
      try checkFinite(count, at: start, of: record, in: scratch)
      try scratch.input.withPrefix(count) { (bytes) throws(CheckpointError) in
        if isChecksumWritten || isChecksumRead { checksum.add(bytes) }
        try output.write(bytes, at: start)
      }
    }
    startWriteback(behind: range)
    return BlockResult(
      read: isChecksumRead ? checksum : nil, written: isChecksumWritten ? checksum : nil)
  }

  private func cast(_ record: TensorRecord, _ range: Range<Int>, scratch: inout WorkerScratch)
    throws(CheckpointError) -> BlockResult
  {
    guard let from = record.type.element, let fromWidth = from.byteWidth,
      let to = tensor.type.element, let toWidth = to.byteWidth
    else { preconditionFailure("the plan casts only between whole-byte types") }
    let data = try data(of: record)
    var result = BlockResult()
    try scratch.input.withMutablePrefix(range.count * fromWidth) {
      (bytes) throws(CheckpointError) in
      try data.read(into: &bytes, at: range.lowerBound * fromWidth)
      if isChecksumRead { result.read = RunningChecksum(bytes.bytes) }
    }
    result.losses = scratch.convert(range.count * fromWidth, of: from, to: to)
    try checkFinite(
      range.count * fromWidth, at: range.lowerBound * fromWidth, of: record, in: scratch)
    result.written = try write(range.count * toWidth, at: range.lowerBound * toWidth, scratch)
    return result
  }

  /// Copies or converts all of a tensor piece by piece, in the only order in which its
  /// data can be read; other workers do other tensors meanwhile.
  private func stream(_ record: TensorRecord, scratch: inout WorkerScratch)
    throws(CheckpointError) -> BlockResult
  {
    var source = try TensorStream(record)
    var result = BlockResult()
    var start = 0
    while start < unitCount {
      try Interruption.check()
      let piece = start..<min(start + pieceLength, unitCount)
      let count = byteCount(of: piece, record)
      try scratch.input.withMutablePrefix(count) { (bytes) throws(CheckpointError) in
        try source.read(into: &bytes)
      }
      result.combine(try put(piece, of: record, scratch: &scratch))
      start = piece.upperBound
    }
    return result
  }

  /// The bytes of input that some units are.
  private func byteCount(of units: Range<Int>, _ record: TensorRecord) -> Int {
    guard case .cast = tensor.operation else { return units.count }
    return units.count * max(1, record.type.bitWidth / 8)
  }

  /// Writes the units that the input holds, converted where they are to be.
  private func put(_ units: Range<Int>, of record: TensorRecord, scratch: inout WorkerScratch)
    throws(CheckpointError) -> BlockResult
  {
    var result = BlockResult()
    guard case .cast = tensor.operation else {
      try checkFinite(units.count, at: units.lowerBound, of: record, in: scratch)
      result.written = try scratch.input.withPrefix(units.count) {
        (bytes) throws(CheckpointError) -> RunningChecksum? in
        try output.write(bytes, at: units.lowerBound)
        return isChecksumWritten ? RunningChecksum(bytes) : nil
      }
      startWriteback(behind: units)
      return result
    }
    guard let from = record.type.element, let to = tensor.type.element, let width = to.byteWidth
    else { preconditionFailure("the plan casts only between whole-byte types") }
    let count = byteCount(of: units, record)
    result.losses = scratch.convert(count, of: from, to: to)
    try checkFinite(
      count, at: count / max(1, units.count) * units.lowerBound, of: record, in: scratch)
    result.written = try write(units.count * width, at: units.lowerBound * width, scratch)
    return result
  }

  /// Writes the first `count` bytes of the output; `start` is their place in the
  /// tensor.
  private func write(_ count: Int, at start: Int, _ scratch: borrowing WorkerScratch)
    throws(CheckpointError) -> RunningChecksum?
  {
    let checksum = try scratch.output.withPrefix(count) {
      (bytes) throws(CheckpointError) -> RunningChecksum? in
      try output.write(bytes, at: start)
      return isChecksumWritten ? RunningChecksum(bytes) : nil
    }
    startWriteback(behind: start..<start + count)
    return checksum
  }

  /// Tells the file that these bytes of the tensor were written last.
  private func startWriteback(behind bytes: Range<Int>) {
    output.startWriteback(behind: bytes)
  }

  private func update(_ rows: Range<Int>, scratch: inout WorkerScratch) throws(CheckpointError)
    -> BlockResult
  {
    guard let computation else { preconditionFailure("an update has its computation") }
    var result = BlockResult()
    let statistics = try computation.run(rows, scratch: &scratch)
    if !computation.update.isOfScales { result.update = statistics }
    let width = tensor.byteCount / max(1, unitCount)
    result.written = try write(rows.count * width, at: rows.lowerBound * width, scratch)
    return result
  }
}
