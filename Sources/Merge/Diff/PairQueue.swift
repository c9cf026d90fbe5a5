import Formats
import Synchronization

/// Hands out the blocks of pairs of tensors, pair after pair.
final class PairQueue: Sendable {
  struct Block: Sendable {
    let pair: ValuePair
    /// The position of the pair among all, and of the block in its pair.
    let position: Int
    let index: Int
  }

  private struct State: Sendable {
    /// How many pairs were begun.
    var begun = 0
    var pair: ValuePair?
    var index = 0
  }

  private let count: Int
  private let makePair: @Sendable (Int) throws(CheckpointError) -> ValuePair
  /// The pairs whose further blocks nobody needs.
  private let settled: [Flag]
  private let state = Mutex(State())

  init(
    count: Int, makePair: @escaping @Sendable (Int) throws(CheckpointError) -> ValuePair
  ) {
    self.count = count
    self.makePair = makePair
    settled = (0..<count).map { _ in Flag() }
  }

  /// The next block, or nil when all are handed out.
  func next() throws(CheckpointError) -> Block? {
    try state.withLock { (state) throws(CheckpointError) -> Block? in
      while true {
        if let pair = state.pair, state.index < pair.blockCount, !isSettled(state.begun - 1) {
          state.index += 1
          return Block(pair: pair, position: state.begun - 1, index: state.index - 1)
        }
        // What a pair holds in memory must not outlive its blocks.
        state.pair = nil
        guard state.begun < count else { return nil }
        state.begun += 1
        state.index = 0
        state.pair = try makePair(state.begun - 1)
      }
    }
  }

  /// No further block of the pair at `position` is needed.
  func settle(_ position: Int) { settled[position].value.store(true, ordering: .relaxed) }

  func isSettled(_ position: Int) -> Bool { settled[position].value.load(ordering: .relaxed) }
}

/// A flag in an array.
private final class Flag: Sendable {
  let value = Atomic<Bool>(false)
}
