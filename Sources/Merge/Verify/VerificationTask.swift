import Compute
import Formats
import Synchronization

/// The comparison of one tensor of a merged model while it is going on.
final class VerificationTask: BlockTask {
  let tensor: VerifiedTensor
  var unitCount: Int { cut.unitCount }
  var blockLength: Int { cut.blockLength }
  private let cut: BlockCut
  private let source: LazyTensorData
  private let merged: LazyTensorData
  private let base: LazyTensorData?
  /// What is computed, for an update.
  private let computation: UpdateComputation?
  /// Whether every block so far was that of the base.
  private let isBase: Atomic<Bool>
  /// Whether a difference is all that is asked for, and whether there is one.
  private let stopsAtDifference: Bool
  private let isDifferent = Atomic(false)

  init(
    _ tensor: VerifiedTensor, blocks: BlockSize, numerics: Numerics, stopsAtDifference: Bool
  ) {
    self.tensor = tensor
    self.stopsAtDifference = stopsAtDifference
    cut = BlockCut(tensor.expected, blocks: blocks)
    source = LazyTensorData(tensor.expected.source)
    merged = LazyTensorData(tensor.merged)
    base = tensor.base.map(LazyTensorData.init)
    isBase = Atomic(tensor.base != nil)
    if case .update(let update) = tensor.expected.operation, let type = tensor.merged.type.element {
      computation = UpdateComputation(update, to: type, blocks: blocks, numerics: numerics)
    } else {
      computation = nil
    }
  }

  /// The bytes of the merged model that `range` stands for.
  func byteCount(of range: Range<Int>) -> Int { cut.bytes(of: range).count }

  /// Computes the units in `range` and compares them.
  func run(_ range: Range<Int>, scratch: inout VerificationScratch) throws(CheckpointError)
    -> BlockDistance
  {
    if stopsAtDifference, isDifferent.load(ordering: .relaxed) { return BlockDistance() }
    let bytes = cut.bytes(of: range)
    try scratch.merged.withMutablePrefix(bytes.count) { (span) throws(CheckpointError) in
      try merged.data().read(into: &span, at: bytes.lowerBound)
    }
    let place = try expect(range, scratch: &scratch.worker)
    let isExpected = scratch.isExpected(bytes.count, in: place)
    var result = BlockDistance()
    if isBase.load(ordering: .relaxed) || !isExpected {
      result.isBase = try readBase(bytes, scratch: &scratch)
      if !result.isBase { isBase.store(false, ordering: .relaxed) }
    }
    guard !isExpected else { return result }
    isDifferent.store(true, ordering: .relaxed)
    if tensor.isMeasured, let type = tensor.merged.type.element, let width = type.byteWidth {
      result.distance = scratch.distance(
        bytes.count / width, of: type, in: place, base: tensor.base?.type.element)
      result.differing = result.distance.differing
    } else {
      result.differing = scratch.differingElements(
        bytes.count, bitWidth: tensor.merged.type.bitWidth)
    }
    return result
  }

  /// Leaves what the units have to be in the scratch and tells where.
  private func expect(_ range: Range<Int>, scratch: inout WorkerScratch) throws(CheckpointError)
    -> VerificationScratch.Place
  {
    switch tensor.expected.operation {
    case .copy:
      try scratch.input.withMutablePrefix(range.count) { (span) throws(CheckpointError) in
        try source.data().read(into: &span, at: range.lowerBound)
      }
      return .input
    case .cast(let record):
      guard let from = record.type.element, let width = from.byteWidth,
        let to = tensor.expected.type.element
      else { preconditionFailure("only whole-byte types are converted") }
      try scratch.input.withMutablePrefix(range.count * width) { (span) throws(CheckpointError) in
        try source.data().read(into: &span, at: range.lowerBound * width)
      }
      scratch.convert(range.count * width, of: from, to: to)
      return .output
    case .update:
      guard let computation else { preconditionFailure("an update has its computation") }
      _ = try computation.run(range, scratch: &scratch)
      return .output
    }
  }

  /// Reads the base of some bytes of the merged model; returns whether they are the
  /// same.
  private func readBase(_ bytes: Range<Int>, scratch: inout VerificationScratch)
    throws(CheckpointError) -> Bool
  {
    guard let base, let from = tensor.base?.type.element, let fromWidth = from.byteWidth,
      let to = tensor.merged.type.element, let toWidth = to.byteWidth
    else { return false }
    let count = bytes.count / toWidth
    try scratch.base.withMutablePrefix(count * fromWidth) { (span) throws(CheckpointError) in
      try base.data().read(into: &span, at: bytes.lowerBound / toWidth * fromWidth)
    }
    return scratch.isBase(count, of: from, as: to)
  }
}

/// The data of a tensor, prepared by whoever needs it first.
final class LazyTensorData: Sendable {
  private let record: TensorRecord
  private let prepared: Mutex<TensorData?> = Mutex(nil)

  init(_ record: TensorRecord) { self.record = record }

  func data() throws(CheckpointError) -> TensorData {
    try prepared.withLock { (prepared) throws(CheckpointError) -> TensorData in
      if let prepared { return prepared }
      let data = try TensorData(record)
      prepared = data
      return data
    }
  }
}
