import Synchronization

/// The results of blocks, put together in the order of the blocks whoever computed
/// them, so that they do not depend on the number of threads.
final class Ledger: Sendable {
  private let entries = Mutex<[(tensor: Int, block: Int, result: BlockResult)]>([])

  func enter(_ result: BlockResult, tensor: Int, block: Int) {
    entries.withLock { $0.append((tensor, block, result)) }
  }

  /// The results of each tensor that has any, in the order of the tensors.
  func totals() -> [(tensor: Int, result: BlockResult)] {
    let sorted = entries.withLock { $0 }.sorted { ($0.tensor, $0.block) < ($1.tensor, $1.block) }
    var totals: [(tensor: Int, result: BlockResult)] = []
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
