import Formats
import Synchronization

/// Work on one tensor that is done block by block.
protocol BlockTask: Sendable {
  /// The number of units (rows, elements or bytes) and how many make a block.
  var unitCount: Int { get }
  var blockLength: Int { get }
}

/// Hands out the blocks of tensors in their order.
///
/// Whatever the number of workers, the blocks are the same; who computes which
/// does not matter to a single byte.
final class WorkQueue<Task: BlockTask>: Sendable {
  /// A run of units of one tensor.
  struct Block: Sendable {
    let task: Task
    let range: Range<Int>
    /// The position of the tensor among all, and of the block in its tensor.
    let tensor: Int
    let position: Int
  }

  private struct State: Sendable {
    /// How many tensors were begun.
    var begun = 0
    var task: Task?
    var unit = 0
    var position = 0
  }

  private let count: Int
  private let makeTask: @Sendable (Int) -> Task
  private let state = Mutex(State())

  /// A queue over `count` tensors; `makeTask` prepares each when its turn comes.
  init(count: Int, makeTask: @escaping @Sendable (Int) -> Task) {
    self.count = count
    self.makeTask = makeTask
  }

  /// The next block, or nil when all are handed out.
  func next() -> Block? {
    state.withLock { state -> Block? in
      while true {
        if let task = state.task, state.unit < task.unitCount {
          let end = min(task.unitCount, state.unit + task.blockLength)
          let block = Block(
            task: task, range: state.unit..<end, tensor: state.begun - 1, position: state.position)
          state.unit = end
          state.position += 1
          return block
        }
        guard state.begun < count else {
          // The last task's factors must not live longer than its blocks.
          state.task = nil
          return nil
        }
        state.task = makeTask(state.begun)
        state.begun += 1
        state.unit = 0
        state.position = 0
      }
    }
  }
}
