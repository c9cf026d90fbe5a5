/// The trained parameters, from the files of optimizer states.
extension ZeroReader {
  /// What all ranks together say.
  struct Optimizer {
    var stage = 0
    var paddings: [[Int]]?
    /// The partitions of each rank.
    var partitions: [[TensorRecord]] = []
  }

  mutating func readOptimizer(_ files: [(rank: Int, name: String)])
    throws(CheckpointError) -> Optimizer
  {
    guard let first = files.first else {
      throw CheckpointError(
        "expected files '*\(ZeroFileName.optimizerSuffix)' with the partitions of the ranks, "
          + "but found none")
    }
    var optimizer = Optimizer()
    var partitionCount = 0
    for (rank, name) in files {
      var file = try open(name)
      let states = try ZeroOptimizerStates(&file)
      if rank == first.rank {
        partitionCount = states.partitionCount
        try checkRanks(files.map(\.rank), count: partitionCount)
        optimizer.stage = states.stage
        optimizer.paddings = states.alignmentPaddings
      }
      guard states.stage == optimizer.stage, states.partitionCount == partitionCount else {
        throw file.fault(
          "is of stage \(states.stage) with \(states.partitionCount) ranks, but \(first.name) of "
            + "stage \(optimizer.stage) with \(partitionCount)")
      }
      optimizer.partitions.append(states.partitions)
    }
    return optimizer
  }

  /// Checks that there is a file for each rank.
  private func checkRanks(_ ranks: [Int], count: Int) throws(CheckpointError) {
    let found = Set(ranks)
    let surplus = ranks.filter { $0 >= count }
    guard ranks.count != count || !surplus.isEmpty else { return }
    var message =
      "expected \(count) of '*\(ZeroFileName.optimizerSuffix)', one for each rank, but found "
      + "\(ranks.count)"
    // No more than are shown, as the count is only a claim.
    let missing = (0..<count).lazy.filter { !found.contains($0) }.prefix(8).map(String.init)
    if !missing.isEmpty {
      let more = count - (ranks.count - surplus.count) - missing.count
      message += "; missing \(Self.ranks(Array(missing)))" + (more > 0 ? " and \(more) more" : "")
    }
    if !surplus.isEmpty { message += "; surplus \(Self.ranks(surplus.map(String.init)))" }
    throw CheckpointError(message, fix: Self.allRanks(in: directory))
  }

  /// What to do where the files of some ranks are on another machine.
  static func allRanks(in directory: ZeroDirectory) -> String {
    "copy the files of every rank into \(shellQuoted(directory.path))"
  }

  static func ranks(_ ranks: [String]) -> String {
    (ranks.count == 1 ? "rank " : "ranks ") + TorchFindings.shortList(ranks)
  }

  func assembled(_ groups: [[ZeroParameter]], _ optimizer: Optimizer)
    throws(CheckpointError) -> [TensorRecord]
  {
    var assembly = ZeroAssembly()
    if optimizer.stage == 3 {
      var rows: [ZeroRow] = []
      for partitions in optimizer.partitions { rows.append(try row(partitions)) }
      try assembly.add(parameters: Array(groups.joined()), rows: rows)
      return assembly.records
    }
    for (rank, partitions) in optimizer.partitions.enumerated()
    where partitions.count != groups.count {
      throw CheckpointError(
        "rank \(rank) has the partitions of \(partitions.count) groups, but param_shapes has "
          + "\(groups.count)")
    }
    if let paddings = optimizer.paddings, paddings.count != groups.count {
      throw CheckpointError(
        "param_alignment_paddings has \(paddings.count) groups, but param_shapes has "
          + "\(groups.count)")
    }
    for (index, group) in groups.enumerated() {
      try assembly.add(
        group: group, row: row(optimizer.partitions.map { $0[index] }),
        ranks: optimizer.partitions.count, paddings: optimizer.paddings?[index])
    }
    return assembly.records
  }

  private func row(_ parts: [TensorRecord]) throws(CheckpointError) -> ZeroRow {
    var row = ZeroRow()
    for part in parts {
      do throws(CheckpointError) {
        try row.append(part)
      } catch {
        throw error.with(path: part.bytes?.extents.first?.file.path, tensor: part.name)
      }
    }
    return row
  }
}
