public import Compute
public import Formats
import Synchronization

/// Carries out a plan: fills the laid-out files with our own workers and puts
/// the output in place.
public struct Execution: Sendable {
  public let plan: MergePlan
  public let threads: Int

  public init(_ plan: MergePlan, threads: Int) {
    self.plan = plan
    self.threads = threads
  }

  /// What became of each updated tensor, in the order of the plan's tensors.
  public typealias Statistics = [(name: String, statistics: UpdateStatistics)]

  /// Writes the output and puts it in place.
  public func run(_ transaction: OutputTransaction, progress: Progress) throws(CheckpointError)
    -> Statistics
  {
    try transaction.begin(byteCount: plan.byteCount)
    var places: [Place] = []
    for planned in plan.files {
      let file = try transaction.create(planned.name, byteCount: planned.layout.byteCount)
      for part in planned.layout.fixed { try file.write(part.bytes, at: part.offset) }
      for (tensor, offset) in zip(planned.tensors, planned.layout.offsets) {
        places.append(Place(tensor: tensor, file: file, offset: offset))
      }
    }
    let statistics = try fill(places, progress: progress)
    for document in plan.documents { try transaction.write(document.bytes, to: document.name) }
    for side in plan.sideFiles { try transaction.copy(side) }
    try transaction.commit()
    return statistics
  }

  private struct Place: Sendable {
    let tensor: PlannedTensor
    let file: OutputFile
    let offset: Int
  }

  private func fill(_ places: [Place], progress: Progress) throws(CheckpointError) -> Statistics {
    let plan = self.plan
    let queue = WorkQueue(count: places.count) { index in
      let place = places[index]
      progress.begin(place.tensor.name)
      return TensorTask(
        place.tensor, to: place.file, at: place.offset, blocks: plan.blocks,
        numerics: plan.numerics)
    }
    let ledger = Ledger()
    try Workers.run(threads) { (failure) throws(CheckpointError) in
      var scratch = WorkerScratch(plan.scratch)
      while let block = queue.next() {
        try failure.check()
        do throws(CheckpointError) {
          if let statistics = try block.task.run(block.range, scratch: &scratch) {
            ledger.enter(statistics, tensor: block.tensor, block: block.position)
          }
        } catch {
          throw error.with(tensor: block.task.tensor.name)
        }
        progress.add(block.task.byteCount(of: block.range))
      }
    }
    return ledger.totals().map { (places[$0.tensor].tensor.name, $0.statistics) }
  }
}

/// The statistics of blocks, summed in the order of the blocks whoever computed
/// them, so that a report does not depend on the number of threads.
private final class Ledger: Sendable {
  private let entries = Mutex<[(tensor: Int, block: Int, statistics: UpdateStatistics)]>([])

  func enter(_ statistics: UpdateStatistics, tensor: Int, block: Int) {
    entries.withLock { $0.append((tensor, block, statistics)) }
  }

  func totals() -> [(tensor: Int, statistics: UpdateStatistics)] {
    let sorted = entries.withLock { $0 }.sorted { ($0.tensor, $0.block) < ($1.tensor, $1.block) }
    var totals: [(tensor: Int, statistics: UpdateStatistics)] = []
    for entry in sorted {
      if let last = totals.last, last.tensor == entry.tensor {
        totals[totals.count - 1].statistics.combine(entry.statistics)
      } else {
        totals.append((entry.tensor, entry.statistics))
      }
    }
    return totals
  }
}
