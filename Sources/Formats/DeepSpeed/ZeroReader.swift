/// Reads one step of a DeepSpeed checkpoint: every parameter whole, wherever the
/// ranks that trained it have put its parts.
///
/// The tensors come in the order in which DeepSpeed's own script puts them
/// together: buffers, frozen parameters, trained parameters, second names.
struct ZeroReader {
  let directory: ZeroDirectory

  var globals: [TorchGlobal] = []
  var others: [OtherEntry] = []
  var names: Set<ExactName> = []
  var records: [TensorRecord] = []
  var trained: Set<ExactName> = []
  var findings: [Finding] = []
  private var files: [InputFile] = []

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
      // Frozen parameters of ZeRO 3 make the first file be opened once more.
      checkpoint.furtherFiles = files.filter { $0.identity != file.file.identity }
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

  mutating func open(_ name: String) throws(CheckpointError) -> ZeroFile {
    let file = try ZeroFile(path: directory.listing.path(of: name))
    globals += ZeroGlobals.notable(file)
    files.append(file.file)
    // A file can be opened twice.
    if let finding = file.disagreement, !findings.contains(finding) { findings.append(finding) }
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

  mutating func add(_ records: [TensorRecord]) throws(CheckpointError) {
    for record in records {
      guard names.insert(ExactName(record.name)).inserted else {
        throw CheckpointError(tensor: record.name, "the checkpoint lists it twice")
      }
      self.records.append(record)
    }
  }
}
