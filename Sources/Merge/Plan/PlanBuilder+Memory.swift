import Formats

/// Blocks of the size that the memory allows.
extension PlanBuilder {
  /// The largest blocks that fit into the memory that the user allows.
  func fitMemory(_ tensors: [PlannedTensor], besides documents: [HDF5Layout.Document])
    throws(CheckpointError) -> (BlockSize, WorkerScratch.Sizes, MemoryEstimate)
  {
    // As they are, and laid out in the file; compressed tensors have that made twice.
    let held = 3 * documents.reduce(0) { $0 + $1.bytes.count }
    var blocks = BlockSize()
    while true {
      var scratch = WorkerScratch.Sizes()
      for tensor in tensors { scratch.include(tensor, blocks: blocks) }
      let compression = options.compression == nil ? 0 : ChunkCompression.byteCountInMemory
      let memory = MemoryEstimate(
        perWorker: scratch.byteCount + compression, shared: shared(tensors) + held)
      let needed = memory.total(workers: options.threads)
      if needed <= options.maximumMemory { return (blocks, scratch, memory) }
      guard let smaller = blocks.smaller else {
        throw memoryError(needed, tensors, memory)
      }
      blocks = smaller
    }
  }

  /// Factors and gathered tensors: while one tensor's last blocks are at work,
  /// the next one's are loaded.
  private func shared(_ tensors: [PlannedTensor]) -> Int {
    2 * (tensors.map(\.byteCountInMemory).max() ?? 0) + Self.programByteCount
  }

  /// Says what takes the memory, and what would help.
  private func memoryError(_ needed: Int, _ tensors: [PlannedTensor], _ memory: MemoryEstimate)
    -> CheckpointError
  {
    let limit = "--max-memory allows \(options.maximumMemory)"
    let isHelpless = memory.total(workers: 1) > options.maximumMemory
    let raise = "raise --max-memory to \(needed)"
    if let largest = tensors.max(by: { $0.byteCountInMemory < $1.byteCountInMemory }),
      memory.shared > options.maximumMemory, let reason = Self.reason(for: largest)
    {
      return CheckpointError(
        path: base.path, tensor: largest.name,
        "\(reason), which takes \(largest.byteCountInMemory) bytes of memory; with the next one "
          + "\(needed) are needed, but \(limit)", fix: raise)
    }
    return CheckpointError(
      path: base.path,
      "needs \(needed) bytes of memory with \(options.threads) \(options.threads == 1 ? "thread" : "threads"); \(limit)",
      fix: isHelpless ? raise : "\(raise), or lower --threads")
  }

  private static func reason(for tensor: PlannedTensor) -> String? {
    guard tensor.source.gatheredByteCount > 0, let bytes = tensor.source.bytes else { return nil }
    switch bytes.codec {
    case .stored: return "is a view, whose storage is gathered"
    case .deflate: return "is deflated, and inflated as a whole"
    case .chunked: return "is in chunks, of which some are decoded at a time"
    }
  }

  /// The program itself with its tables of names.
  private static let programByteCount = 16 << 20
}
