public import Formats
public import Inspect
import Synchronization

/// The comparison of two checkpoints, planned by their headers.
public struct CheckpointDiff: Sendable {
  public let pairing: CheckpointPairing
  public let options: DifferenceOptions

  public init(_ pairing: CheckpointPairing, options: DifferenceOptions) {
    self.pairing = pairing
    self.options = options
  }

  /// The bytes of both sides that `run` reads at least once.
  public var byteCount: Int {
    options.isHeadersOnly
      ? 0
      : pairing.pairs.filter(needsReading).reduce(0) { $0 + $1.a.byteCount + $1.b.byteCount }
  }

  /// Reads what has to be read and tells what differs.
  ///
  /// First equal types are compared byte for byte, each pair up to its first
  /// difference; then what differs, and what is of two types, is measured.
  public func run(progress: Progress) throws(CheckpointError) -> CheckpointDifference {
    let pairs = pairing.pairs
    var measured: [Int: ValueDifference] = [:]
    if !options.isHeadersOnly {
      let readable = pairs.indices.filter { needsReading(pairs[$0]) }
      let changed = try changedPairs(
        readable.filter { pairs[$0].a.type == pairs[$0].b.type }, progress)
      measured = try measure(
        readable.filter { changed.contains($0) || pairs[$0].a.type != pairs[$0].b.type }, progress)
    }
    let different = pairs.indices.compactMap { outcome(of: pairs[$0], measured[$0]) }
    var difference = CheckpointDifference(
      onlyInA: pairing.onlyInA.map(\.renamed), onlyInB: pairing.onlyInB.map(\.renamed),
      different: different, equal: pairs.count - different.count,
      hasValues: !options.isHeadersOnly)
    if options.findsMoved {
      difference.moved = try MovedTensors(difference, threads: options.threads).find()
    }
    return difference
  }

  /// Whether the data of a pair has to be read: not where the shapes differ, or the types
  /// in such a way that there is nothing to compare, nor where both are the same bytes of
  /// the same file.
  private func needsReading(_ pair: CheckpointPairing.Pair) -> Bool {
    guard pair.headerDifference != .shape, pair.a.elementCount > 0,
      options.ignoresTypes || ValuePair.isPossible(pair.a.type, pair.b.type)
    else { return false }
    guard pair.headerDifference == nil, let a = pair.a.plainExtent, let b = pair.b.plainExtent
    else { return true }
    return a.file.identity != b.file.identity || a.offset != b.offset || a.count != b.count
  }

  private func outcome(of pair: CheckpointPairing.Pair, _ values: ValueDifference?)
    -> TensorDifference?
  {
    let reason: TensorDifference.Reason
    switch pair.headerDifference {
    case .shape: reason = .shape
    case .type where !options.ignoresTypes: reason = .dtype
    default:
      guard let values, values.differing > 0 else { return nil }
      reason = .values
    }
    return TensorDifference(name: pair.name, reason: reason, a: pair.a, b: pair.b, values: values)
  }

  /// Those of some pairs that are not the same byte for byte.
  private func changedPairs(_ positions: [Int], _ progress: Progress) throws(CheckpointError)
    -> Set<Int>
  {
    let queue = queue(over: positions, progress)
    try Workers.run(options.threads) { (failure) throws(CheckpointError) in
      var scratch = DifferenceScratch()
      while let block = try queue.next() {
        try failure.check()
        if try !block.pair.isSame(block: block.index, &scratch) { queue.settle(block.position) }
        progress.add(block.pair.byteCount(ofBlock: block.index))
      }
    }
    return Set(positions.indices.filter(queue.isSettled).map { positions[$0] })
  }

  /// How some pairs differ.
  private func measure(_ positions: [Int], _ progress: Progress) throws(CheckpointError)
    -> [Int: ValueDifference]
  {
    let queue = queue(over: positions, progress)
    let blocks = Mutex<[(position: Int, index: Int, difference: ValueDifference)]>([])
    try Workers.run(options.threads) { (failure) throws(CheckpointError) in
      var scratch = DifferenceScratch()
      while let block = try queue.next() {
        try failure.check()
        let difference = try block.pair.compare(block: block.index, &scratch)
        blocks.withLock { $0.append((block.position, block.index, difference)) }
        progress.add(block.pair.byteCount(ofBlock: block.index))
      }
    }
    // In the order of the blocks, so that sums do not depend on the workers.
    var measured: [Int: ValueDifference] = [:]
    let sorted = blocks.withLock { $0 }.sorted { ($0.position, $0.index) < ($1.position, $1.index) }
    for block in sorted {
      measured[positions[block.position]] =
        (measured[positions[block.position]] ?? .none).combined(with: block.difference)
    }
    return measured
  }

  private func queue(over positions: [Int], _ progress: Progress) -> PairQueue {
    let pairs = pairing.pairs
    let tolerance = options.tolerance
    return PairQueue(count: positions.count) { (index) throws(CheckpointError) in
      let pair = pairs[positions[index]]
      progress.begin(pair.name)
      return try ValuePair(pair.a, pair.b, tolerance: tolerance)
    }
  }
}

extension CheckpointPairing.Named {
  /// The record under the name that it is compared by.
  fileprivate var renamed: TensorRecord {
    var record = record
    record.name = name
    return record
  }
}
