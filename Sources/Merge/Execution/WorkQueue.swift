import Formats
import Synchronization

/// Hands out the blocks of a plan in the order of the output files.
///
/// Whatever the number of workers, the blocks are the same; who computes which
/// does not matter to a single byte.
final class WorkQueue: Sendable {
  /// A run of rows of one tensor.
  struct Block {
    let task: TensorTask
    /// The rows, or for tensors without structure the bytes.
    let range: Range<Int>
    /// The position among the blocks of its tensor.
    let position: Int
  }

  private struct State {
    var next = 0
    var task: TensorTask?
    var unit = 0
    var position = 0
  }

  private let tensors: [(file: OutputFile, offset: Int, tensor: PlannedTensor)]
  private let blocks: BlockSize
  private let state = Mutex(State())
  private let progress: Progress
  private let log = Mutex<[UpdateRecord]>([])

  init(
    _ tensors: [(file: OutputFile, offset: Int, tensor: PlannedTensor)], blocks: BlockSize,
    progress: Progress
  ) {
    self.tensors = tensors
    self.blocks = blocks
    self.progress = progress
  }

  /// The next block, or nil when all are handed out.
  func next() throws(CheckpointError) -> Block? {
    do {
      return try state.withLock { state in
        while true {
          if let task = state.task, state.unit < task.unitCount {
            let end = min(task.unitCount, state.unit + task.blockLength)
            defer {
              state.unit = end
              state.position += 1
            }
            return Block(task: task, range: state.unit..<end, position: state.position)
          }
          guard state.next < tensors.count else {
            // The queue must not keep the last task's factors alive.
            state.task = nil
            return nil
          }
          let (file, offset, tensor) = tensors[state.next]
          state.task = try TensorTask(tensor, to: file, at: offset, blocks: blocks)
          progress.begin(tensor.name)
          state.next += 1
          state.unit = 0
          state.position = 0
        }
      }
    } catch let error as CheckpointError {
      throw error
    } catch {
      preconditionFailure("only CheckpointError is thrown above")
    }
  }
}
