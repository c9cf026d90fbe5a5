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
  private let file: OutputFile
  private let offset: Int
  private let source: Mutex<TensorData?> = Mutex(nil)
  private let factors: Mutex<[Factors]?> = Mutex(nil)
  private let numerics: Numerics

  init(
    _ tensor: PlannedTensor, to file: OutputFile, at offset: Int, blocks: BlockSize,
    numerics: Numerics
  ) {
    self.tensor = tensor
    self.file = file
    self.offset = offset
    self.numerics = numerics
    switch tensor.operation {
    case .copy:
      unitCount = tensor.byteCount
      blockLength = blocks.copyByteCount
    case .cast(let record):
      unitCount = record.elementCount
      blockLength = max(1, blocks.copyByteCount / 8)
    case .update(let record, _):
      unitCount = record.shape[0]
      blockLength = blocks.rows(ofColumns: record.shape[1])
    }
  }

  /// Computes and writes the units in `range`; for an update, tells what came
  /// of it.
  func run(_ range: Range<Int>, scratch: inout WorkerScratch) throws(CheckpointError)
    -> UpdateStatistics?
  {
    switch tensor.operation {
    case .copy(let record):
      try copy(record, range, scratch: &scratch)
      return nil
    case .cast(let record):
      try cast(record, range, scratch: &scratch)
      return nil
    case .update(let record, let deltas):
      return try update(record, deltas, range, scratch: &scratch)
    }
  }

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
    throws(CheckpointError)
  {
    if let extent = record.plainExtent {
      let part = Extent(
        file: extent.file, offset: extent.offset + range.lowerBound, count: range.count)
      if try file.copy(part, to: offset + range.lowerBound) { return }
    }
    let data = try data(of: record)
    try scratch.input.withMutablePrefix(range.count) { (bytes) throws(CheckpointError) in
      try data.read(into: &bytes, at: range.lowerBound)
    }
    try scratch.input.withPrefix(range.count) { (bytes) throws(CheckpointError) in
      try file.write(bytes, at: offset + range.lowerBound)
    }
  }

  private func cast(_ record: TensorRecord, _ range: Range<Int>, scratch: inout WorkerScratch)
    throws(CheckpointError)
  {
    guard let from = record.type.element, let fromWidth = from.byteWidth,
      let to = tensor.type.element, let toWidth = to.byteWidth
    else { preconditionFailure("the plan casts only between whole-byte types") }
    let data = try data(of: record)
    try scratch.input.withMutablePrefix(range.count * fromWidth) {
      (bytes) throws(CheckpointError) in
      try data.read(into: &bytes, at: range.lowerBound * fromWidth)
    }
    scratch.convert(range.count * fromWidth, of: from, to: to)
    try scratch.output.withPrefix(range.count * toWidth) { (bytes) throws(CheckpointError) in
      try file.write(bytes, at: offset + range.lowerBound * toWidth)
    }
  }

  private func update(
    _ record: TensorRecord, _ deltas: [LowRankDelta], _ rows: Range<Int>,
    scratch: inout WorkerScratch
  ) throws(CheckpointError) -> UpdateStatistics {
    guard let from = record.type.element, let fromWidth = from.byteWidth,
      let to = tensor.type.element, let toWidth = to.byteWidth
    else { preconditionFailure("the plan updates only whole-byte float types") }
    let columns = record.shape[1]
    let count = rows.count * columns
    let data = try data(of: record)
    try scratch.input.withMutablePrefix(count * fromWidth) { (bytes) throws(CheckpointError) in
      try data.read(into: &bytes, at: rows.lowerBound * columns * fromWidth)
    }
    let scale = try multiply(deltas, rows, count: count, scratch: &scratch)
    // PEFT rounds to the type of the base, whatever is done with the result.
    let rounded = numerics == .peft ? from : to
    let statistics = scratch.update(count, of: from, to: rounded, scale: scale)
    if rounded != to { scratch.convertOutput(count, of: rounded, to: to) }
    try scratch.output.withPrefix(count * toWidth) { (bytes) throws(CheckpointError) in
      try file.write(bytes, at: offset + rows.lowerBound * columns * toWidth)
    }
    file.startWriteback(of: count * toWidth, at: offset + rows.lowerBound * columns * toWidth)
    return statistics
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
