public import Formats

extension MergeVerification {
  /// The bytes of the merged model that are compared at most, again for each
  /// arithmetic.
  public var byteCount: Int {
    candidates.reduce(0) { $0 + $1.merged.byteCount * $1.all.count }
  }

  /// Reads and compares everything.
  public func run(progress: Progress) throws(CheckpointError) -> VerificationReport {
    var outcomes = candidates.map { VerificationOutcome($0) }
    for round in Arithmetic.allCases.indices {
      let possible = outcomes.indices.filter { candidates[$0].all.indices.contains(round) }
      // What is one arithmetic's result may be the other numerics' too.
      let wanted = possible.filter { index in
        let arithmetic = candidates[index].all[round].arithmetic
        return round == 0 || !outcomes[index].isEqual || arithmetic == .peft
      }
      let rest = Set(possible).subtracting(wanted)
      for index in rest { progress.add(candidates[index].merged.byteCount) }
      let settled = outcomes.map(\.isEqual)
      let distances = try compare(wanted, round: round, settled: settled, progress)
      for (index, distance) in zip(wanted, distances) {
        outcomes[index].add(distance, by: candidates[index].all[round].arithmetic)
      }
    }
    return report(outcomes)
  }

  /// How far some tensors are from their candidates of this round; of those that are
  /// settled only whether they differ.
  private func compare(
    _ positions: [Int], round: Int, settled: [Bool], _ progress: Progress
  ) throws(CheckpointError) -> [BlockDistance] {
    let (candidates, blocks) = (self.candidates, self.blocks)
    let queue = WorkQueue(count: positions.count) { index in
      let candidate = candidates[positions[index]].all[round]
      progress.begin(candidate.tensor.merged.name)
      return VerificationTask(
        candidate.tensor, blocks: blocks, numerics: candidate.arithmetic.numerics,
        stopsAtDifference: settled[positions[index]])
    }
    let ledger = Ledger<BlockDistance>()
    let sizes = scratch
    try Workers.run(options.threads) { (failure) throws(CheckpointError) in
      var scratch = VerificationScratch(sizes)
      while let block = queue.next() {
        try failure.check()
        do throws(CheckpointError) {
          let distance = try block.task.run(block.range, scratch: &scratch)
          ledger.enter(distance, tensor: block.tensor, block: block.position)
        } catch {
          // What was read in the first round can be read: this arithmetic leads to
          // no number at all, so the tensor is not its result.
          guard round > 0 else { throw error.with(tensor: block.task.tensor.merged.name) }
          ledger.enter(
            BlockDistance(isImpossible: true), tensor: block.tensor, block: block.position)
        }
        progress.add(block.task.byteCount(of: block.range))
      }
    }
    // Tensors without elements have no blocks.
    var distances = positions.map { BlockDistance(isBase: candidates[$0].first.base != nil) }
    for total in ledger.totals() { distances[total.tensor] = total.result }
    return distances
  }
}
