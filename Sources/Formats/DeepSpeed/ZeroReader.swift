/// Reads one step of a DeepSpeed checkpoint: every parameter whole, wherever the
/// ranks that trained it have put its parts.
///
/// The tensors come in the order in which DeepSpeed's own script puts them
/// together: buffers, frozen parameters, trained parameters, second names.
struct ZeroReader {
  let directory: ZeroDirectory

  private var globals: [TorchGlobal] = []
  private var others: [OtherEntry] = []
  private var names: Set<ExactName> = []
  private var records: [TensorRecord] = []
  private var trained: Set<ExactName> = []
  private var findings: [Finding] = []

  static func open(_ directory: ZeroDirectory) throws(CheckpointError) -> Checkpoint {
    var reader = ZeroReader(directory: directory)
    return try reader.read()
  }

  private init(directory: ZeroDirectory) { self.directory = directory }

  private mutating func read() throws(CheckpointError) -> Checkpoint {
    do throws(CheckpointError) {
      try directory.checkLayout()
      let model = try modelFile()
      var file = try open(model)
      let states = try ZeroModelStates(&file)
      others = states.others
      try add(states, &file)
      var checkpoint = Checkpoint(
        path: directory.path, format: .deepspeed, records: records,
        shards: [Shard(name: directory.tag, file: file.file, records: records.indices)],
        sideFiles: directory.sideFiles, findings: ZeroGlobals.findings(globals) + findings,
        others: others)
      checkpoint.trained = states.groups == nil ? nil : trained
      return checkpoint
    } catch {
      throw error.with(path: directory.path)
    }
  }

  /// The file of model states that speaks for all ranks.
  private func modelFile() throws(CheckpointError) -> String {
    let files = try directory.files(ZeroFileName.modelSuffix)
    guard let first = files.first, first.rank == 0 else {
      throw CheckpointError(
        "holds no file of model states for rank 0; expected mp_rank_00_model_states.pt or "
          + "zero_pp_rank_0_mp_rank_00_model_states.pt")
    }
    return first.name
  }

  private mutating func open(_ name: String) throws(CheckpointError) -> ZeroFile {
    let file = try ZeroFile(path: directory.listing.path(of: name))
    globals += ZeroGlobals.notable(file)
    return file
  }

  private mutating func add(_ states: ZeroModelStates, _ file: inout ZeroFile)
    throws(CheckpointError)
  {
    let ranks = try directory.files(ZeroFileName.optimizerSuffix)
    // Without ZeRO nothing is partitioned and the module has all there is.
    guard let groups = states.groups else {
      guard ranks.isEmpty else {
        throw file.fault("has no \"param_shapes\", so the partitions of the ranks have no names")
      }
      return try add(states.module)
    }
    let optimizer = try readOptimizer(ranks)
    others.append(OtherEntry(path: "zero_stage", description: "\(optimizer.stage)"))
    try add(states.module.filter { states.bufferNames.contains(ExactName($0.name)) })
    try add(try frozen(states, stage: optimizer.stage, &file, ranks: ranks.count))
    let trained = try assembled(groups, optimizer)
    self.trained = Set(trained.map { ExactName($0.name) })
    if optimizer.stage < 3 { try addRest(of: states, without: groups) }
    try add(trained)
    addShared(states.shared)
  }

  private mutating func add(_ records: [TensorRecord]) throws(CheckpointError) {
    for record in records {
      guard names.insert(ExactName(record.name)).inserted else {
        throw CheckpointError(tensor: record.name, "the checkpoint lists it twice")
      }
      self.records.append(record)
    }
  }
}

// MARK: - Trained parameters

extension ZeroReader {
  /// What all ranks together say.
  fileprivate struct Optimizer {
    var stage = 0
    var paddings: [[Int]]?
    /// The partitions of each rank.
    var partitions: [[TensorRecord]] = []
  }

  private mutating func readOptimizer(_ files: [(rank: Int, name: String)])
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
    throw CheckpointError(message)
  }

  private static func ranks(_ ranks: [String]) -> String {
    (ranks.count == 1 ? "rank " : "ranks ") + TorchFindings.shortList(ranks)
  }

  private func assembled(_ groups: [[ZeroParameter]], _ optimizer: Optimizer)
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

// MARK: - The other tensors

extension ZeroReader {
  private mutating func frozen(
    _ states: ZeroModelStates, stage: Int, _ file: inout ZeroFile, ranks: Int
  ) throws(CheckpointError) -> [TensorRecord] {
    guard !states.frozen.isEmpty else { return [] }
    guard stage == 3 else {
      let fragments = try ZeroModelStates.fragments(&file)
      var records: [TensorRecord] = []
      for parameter in states.frozen {
        guard let record = fragments[ExactName(parameter.name)] else {
          throw missingFragment(parameter, in: file)
        }
        guard record.shape == parameter.shape else {
          throw file.fault(
            "frozen_param_shapes gives it \(parameter.shape), but it has \(record.shape)",
            tensor: parameter.name)
        }
        records.append(record)
      }
      return records
    }
    return try gathered(states.frozen, ranks: ranks)
  }

  /// Frozen parameters of ZeRO 3, of which each rank has a part in its own file of
  /// model states.
  private mutating func gathered(_ parameters: [ZeroParameter], ranks: Int)
    throws(CheckpointError) -> [TensorRecord]
  {
    let files = try directory.files(ZeroFileName.modelSuffix)
    guard files.map(\.rank) == Array(0..<ranks) else {
      let found = Set(files.map(\.rank))
      let missing = (0..<ranks).filter { !found.contains($0) }.map(String.init)
      throw CheckpointError(
        "expected \(ranks) of '*\(ZeroFileName.modelSuffix)' with the parts of frozen parameters, "
          + "but found \(files.count)"
          + (missing.isEmpty ? "" : "; missing \(Self.ranks(missing))"))
    }
    var rows = [ZeroRow](repeating: ZeroRow(), count: parameters.count)
    for (_, name) in files {
      var file = try open(name)
      let fragments = try ZeroModelStates.fragments(&file)
      for (index, parameter) in parameters.enumerated() {
        guard let fragment = fragments[ExactName(parameter.name)] else {
          throw missingFragment(parameter, in: file)
        }
        do throws(CheckpointError) {
          try rows[index].append(fragment)
        } catch {
          throw error.with(path: file.file.path, tensor: parameter.name)
        }
      }
    }
    var assembly = ZeroAssembly()
    for (parameter, row) in zip(parameters, rows) { try assembly.add(parameter, fragments: row) }
    return assembly.records
  }

  private func missingFragment(_ parameter: ZeroParameter, in file: ZeroFile) -> CheckpointError {
    file.fault(
      "is in frozen_param_shapes, but not in frozen_param_fragments", tensor: parameter.name)
  }

  /// The parameters of the module that no list names: ZeRO 1 keeps those that are
  /// frozen there alone. A tensor of shape [0] only holds a place.
  private mutating func addRest(of states: ZeroModelStates, without groups: [[ZeroParameter]])
    throws(CheckpointError)
  {
    var listed = trained
    for pair in states.shared { listed.insert(ExactName(pair.alias)) }
    try add(
      states.module.filter {
        let name = ExactName($0.name)
        return $0.shape != [0] && !names.contains(name) && !listed.contains(name)
      })
  }

  /// Lists the second names of parameters, which share the bytes of the first.
  private mutating func addShared(_ pairs: [(alias: String, name: String)]) {
    guard !pairs.isEmpty else { return }
    let positions = NameTable(records)
    var listed: [(alias: String, name: String)] = []
    for (alias, name) in pairs {
      guard let position = positions[name], names.insert(ExactName(alias)).inserted else {
        continue
      }
      var record = records[position]
      record.name = alias
      records.append(record)
      if trained.contains(ExactName(name)) { trained.insert(ExactName(alias)) }
      listed.append((alias, name))
    }
    guard !listed.isEmpty else { return }
    let texts = listed.map { "\($0.alias.quoted) = \($0.name.quoted)" }
    findings.append(
      Finding(
        .note, .sharedStorage, tensors: listed.flatMap { [$0.alias, $0.name] },
        (listed.count == 1 ? "a parameter has a second name: " : "parameters have second names: ")
          + TorchFindings.shortList(texts)))
  }
}
