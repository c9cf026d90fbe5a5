public import Compute
public import Formats

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

  /// What is known when the output is in place.
  public struct Results: Sendable {
    /// Of each updated tensor, in the order of the plan's tensors.
    public var statistics: Statistics = []
    /// Of each converted tensor, in the order of the plan's tensors.
    public var losses: [(name: String, losses: ConversionLosses)] = []
    /// The bytes by which the output is smaller than planned, because of a compression.
    public var savedByteCount = 0
    /// What was noticed while the data was read.
    public var findings: [Finding] = []

    public init() {}
  }

  /// Writes the output and puts it in place.
  public func run(_ transaction: OutputTransaction, progress: Progress) throws(CheckpointError)
    -> Results
  {
    try transaction.protect(plan.inputs)
    try transaction.begin(byteCount: plan.minimumByteCount)
    let places = try create(transaction)
    let totals = try fill(places, progress: progress)
    let saved = try finish(places)
    try writeChecksums(totals, of: places)
    var results = results(totals, of: places)
    results.savedByteCount = saved
    results.findings = try Verification(plan: plan, threads: threads).findings(
      totals.compactMap { total in
        guard let stated = places[total.tensor].tensor.checksum else { return nil }
        return total.result.read.map { (stated, $0.value) }
      })
    for document in plan.documents { try transaction.write(document.bytes, to: document.name) }
    for side in plan.sideFiles { try transaction.copy(side) }
    try transaction.commit()
    return results
  }

  /// One tensor and where it goes.
  private struct Place: Sendable {
    let tensor: PlannedTensor
    let file: OutputFile
    let output: TensorOutput
    let checksumOffsets: [Int]
  }

  /// Creates the files and writes what does not depend on any tensor's data.
  private func create(_ transaction: OutputTransaction) throws(CheckpointError) -> [Place] {
    var places: [Place] = []
    for planned in plan.files {
      let layout = planned.layout
      let file = try transaction.create(
        planned.name, byteCount: layout.byteCount, isSparse: layout.chunks != nil)
      for part in layout.fixed { try file.write(part.bytes, at: part.offset) }
      for (index, tensor) in planned.tensors.enumerated() {
        places.append(
          Place(
            tensor: tensor, file: file, output: TensorOutput(layout, index, in: file),
            checksumOffsets: layout.checksumOffsets.isEmpty ? [] : layout.checksumOffsets[index]))
      }
    }
    return places
  }

  private func fill(_ places: [Place], progress: Progress) throws(CheckpointError) -> [(
    tensor: Int, result: BlockResult
  )] {
    let plan = self.plan
    let queue = WorkQueue(count: places.count) { index in
      let place = places[index]
      progress.begin(place.tensor.name)
      return TensorTask(
        place.tensor, to: place.output, blocks: plan.blocks,
        numerics: plan.numerics, isChecksumWritten: !place.checksumOffsets.isEmpty)
    }
    let ledger = Ledger<BlockResult>()
    try Workers.run(threads) { (failure) throws(CheckpointError) in
      var scratch = WorkerScratch(plan.scratch)
      while let block = queue.next() {
        try failure.check()
        do throws(CheckpointError) {
          let result = try block.task.run(block.range, scratch: &scratch)
          ledger.enter(result, tensor: block.tensor, block: block.position)
        } catch {
          throw error.with(tensor: block.task.tensor.name)
        }
        progress.add(block.task.byteCount(of: block.range))
      }
    }
    return ledger.totals()
  }

  /// Ends the files whose layout depends on what was written; returns the bytes that they
  /// are smaller than planned.
  private func finish(_ places: [Place]) throws(CheckpointError) -> Int {
    var first = 0
    var saved = 0
    for planned in plan.files {
      let own = places[first..<first + planned.tensors.count]
      first += planned.tensors.count
      guard let file = own.first?.file else { continue }
      saved +=
        try planned.layout.byteCount
        - TensorOutput.finish(own.map(\.output), of: planned.layout, in: file)
    }
    return saved
  }

  /// Writes the checksums of the data where the format wants them.
  private func writeChecksums(
    _ totals: [(tensor: Int, result: BlockResult)], of places: [Place]
  ) throws(CheckpointError) {
    for total in totals {
      guard let checksum = total.result.written?.value else { continue }
      let bytes = (0..<4).map { UInt8(truncatingIfNeeded: checksum >> (8 * $0)) }
      for offset in places[total.tensor].checksumOffsets {
        try places[total.tensor].file.write(bytes, at: offset)
      }
    }
  }

  private func results(
    _ totals: [(tensor: Int, result: BlockResult)], of places: [Place]
  ) -> Results {
    var results = Results()
    for (tensor, result) in totals {
      let name = places[tensor].tensor.name
      if let update = result.update { results.statistics.append((name, update)) }
      if let losses = result.losses { results.losses.append((name, losses)) }
    }
    return results
  }
}
