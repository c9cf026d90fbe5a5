import Compute
import Formats
import Synchronization

/// The work for one tensor of the output while it is going on.
///
/// Factors are loaded by the first worker that needs them and freed when the
/// last block is done.
final class TensorTask: Sendable {
  let tensor: PlannedTensor
  /// The number of units (rows, elements or bytes) and how many make a block.
  let unitCount: Int
  let blockLength: Int
  /// The rows of which one product is made at a time; for an update alone.
  private let productLength: Int
  private let file: OutputFile
  private let offset: Int
  private let source: Mutex<TensorData?> = Mutex(nil)
  private let factors: Mutex<[Factors]?> = Mutex(nil)
  private let numerics: Numerics
  /// Whether the format needs a checksum of what is written.
  private let isChecksumWritten: Bool

  init(
    _ tensor: PlannedTensor, to file: OutputFile, at offset: Int, blocks: BlockSize,
    numerics: Numerics, isChecksumWritten: Bool
  ) {
    self.tensor = tensor
    self.file = file
    self.offset = offset
    self.numerics = numerics
    self.isChecksumWritten = isChecksumWritten
    switch tensor.operation {
    case .copy:
      unitCount = tensor.byteCount
      blockLength = blocks.copyByteCount
      productLength = 0
    case .cast(let record):
      unitCount = record.elementCount
      blockLength = max(1, blocks.copyByteCount / 8)
      productLength = 0
    case .update(let record, _):
      unitCount = record.shape[0]
      productLength = blocks.rows(ofColumns: record.shape[1])
      blockLength = productLength * blocks.productsPerBlock
    }
  }

  /// Computes and writes the units in `range` and tells what came of it.
  func run(_ range: Range<Int>, scratch: inout WorkerScratch) throws(CheckpointError)
    -> BlockResult
  {
    switch tensor.operation {
    case .copy(let record): try copy(record, range, scratch: &scratch)
    case .cast(let record): try cast(record, range, scratch: &scratch)
    case .update(let record, let deltas): try update(record, deltas, range, scratch: &scratch)
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

  private func factors(of deltas: [LowRankDelta]) throws(CheckpointError) -> [Factors] {
    try factors.withLock { (factors) throws(CheckpointError) -> [Factors] in
      if let factors { return factors }
      var loaded: [Factors] = []
      for delta in deltas { loaded.append(try Factors(delta)) }
      factors = loaded
      return loaded
    }
  }

  private func copy(_ record: TensorRecord, _ range: Range<Int>, scratch: inout WorkerScratch)
    throws(CheckpointError) -> BlockResult
  {
    let isChecked = isChecksumWritten || isChecksumRead
    if !isChecked, let extent = record.plainExtent {
      let part = Extent(
        file: extent.file, offset: extent.offset + range.lowerBound, count: range.count)
      if try file.copy(part, to: offset + range.lowerBound) {
        startWriteback(behind: range)
        return BlockResult()
      }
    }
    let data = try data(of: record)
    var checksum = RunningChecksum()
    let step = isChecked ? Self.checkedByteCount : range.count
    for start in stride(from: range.lowerBound, to: range.upperBound, by: step) {
      let count = min(step, range.upperBound - start)
      try scratch.input.withMutablePrefix(count) { (bytes) throws(CheckpointError) in
        try data.read(into: &bytes, at: start)
      }
      try scratch.input.withPrefix(count) { (bytes) throws(CheckpointError) in
        if isChecked { checksum.add(bytes) }
        try file.write(bytes, at: offset + start)
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
    result.written = try write(range.count * toWidth, at: range.lowerBound * toWidth, scratch)
    return result
  }

  /// Writes the first `count` bytes of the output; `start` is their place in the
  /// tensor.
  private func write(_ count: Int, at start: Int, _ scratch: borrowing WorkerScratch)
    throws(CheckpointError) -> RunningChecksum?
  {
    let checksum = try scratch.output.withPrefix(count) {
      (bytes) throws(CheckpointError) -> RunningChecksum? in
      try file.write(bytes, at: offset + start)
      return isChecksumWritten ? RunningChecksum(bytes) : nil
    }
    startWriteback(behind: start..<start + count)
    return checksum
  }

  /// Tells the file that these bytes of the tensor were written last.
  private func startWriteback(behind bytes: Range<Int>) {
    file.startWriteback(behind: offset + bytes.lowerBound..<offset + bytes.upperBound)
  }

  private func update(
    _ record: TensorRecord, _ deltas: [LowRankDelta], _ rows: Range<Int>,
    scratch: inout WorkerScratch
  ) throws(CheckpointError) -> BlockResult {
    guard let from = record.type.element, let fromWidth = from.byteWidth,
      let to = tensor.type.element, let toWidth = to.byteWidth
    else { preconditionFailure("the plan updates only whole-byte float types") }
    let columns = record.shape[1]
    let count = rows.count * columns
    let data = try data(of: record)
    try scratch.input.withMutablePrefix(count * fromWidth) { (bytes) throws(CheckpointError) in
      try data.read(into: &bytes, at: rows.lowerBound * columns * fromWidth)
    }
    // PEFT rounds to the type of the base, whatever is done with the result.
    let rounded = numerics == .peft ? from : to
    var result = BlockResult()
    var statistics = UpdateStatistics()
    for start in stride(from: rows.lowerBound, to: rows.upperBound, by: productLength) {
      let part = start..<min(start + productLength, rows.upperBound)
      let scale = try multiply(deltas, part, count: part.count * columns, scratch: &scratch)
      let first = (start - rows.lowerBound) * columns
      statistics.combine(
        scratch.update(
          first..<first + part.count * columns, of: from, to: rounded, scale: scale))
    }
    result.update = statistics
    if rounded != to { scratch.convertOutput(count, of: rounded, to: to) }
    result.written = try write(count * toWidth, at: rows.lowerBound * columns * toWidth, scratch)
    return result
  }

  /// Leaves the sum of the products in `scratch.product`; returns the scale that
  /// is still to be applied.
  private func multiply(
    _ deltas: [LowRankDelta], _ rows: Range<Int>, count: Int, scratch: inout WorkerScratch
  ) throws(CheckpointError) -> Float {
    let factors = try factors(of: deltas)
    if deltas.count == 1 {
      try scratch.multiply(factors[0], rows, count: count)
      return Float(deltas[0].scale)
    }
    scratch.clearSum(count)
    for (delta, factors) in zip(deltas, factors) {
      try scratch.multiply(factors, rows, count: count)
      scratch.accumulate(count, scale: Float(delta.scale))
    }
    scratch.swapSum()
    return 1
  }
}
