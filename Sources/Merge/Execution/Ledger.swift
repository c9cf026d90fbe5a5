import Synchronization

/// What became of a block, or of several in order.
protocol Combinable: Sendable {
  /// Adds what became of the block that follows.
  mutating func combine(_ next: Self)
}

/// The results of blocks, put together in the order of the blocks whoever computed
/// them, so that they do not depend on the number of threads.
final class Ledger<Result: Combinable>: Sendable {
  private let entries = Mutex<[(tensor: Int, block: Int, result: Result)]>([])

  func enter(_ result: Result, tensor: Int, block: Int) {
    entries.withLock { $0.append((tensor, block, result)) }
  }

  /// The results of each tensor that has any, in the order of the tensors.
  func totals() -> [(tensor: Int, result: Result)] {
    let sorted = entries.withLock { $0 }.sorted { ($0.tensor, $0.block) < ($1.tensor, $1.block) }
    var totals: [(tensor: Int, result: Result)] = []
    for entry in sorted {
      if let last = totals.last, last.tensor == entry.tensor {
        totals[totals.count - 1].result.combine(entry.result)
      } else {
        totals.append((entry.tensor, entry.result))
      }
    }
    return totals
  }
}
