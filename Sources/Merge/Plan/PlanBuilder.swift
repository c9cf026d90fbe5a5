import Compute
import Formats
import Inspect
import OrderedCollections

/// Turns a checkpoint and what is to be added to it into a complete plan.
struct PlanBuilder {
  let base: Checkpoint
  let options: OutputOptions
  /// What is written once under several names.
  let sharing: SharedTensors
  /// Whether the checkpoint is an adapter, which has file names of its own.
  let isAdapter: Bool
  /// Whether an adapter is part of what is written, with its configuration.
  let holdsAdapter: Bool
  /// Whether the checksums that the input states are held against its bytes.
  let isVerifying: Bool
  /// Whether tensors can be left out with the options of the command.
  let canExclude: Bool
  /// What changes in the model's configuration.
  let configuration: [ConfigurationEdit]
  /// What a file that carries documents has as the adapter's configuration, if that
  /// changes.
  let adapterConfiguration: MergePlan.Document?
  /// Where `--dtype` asks which weights have scales.
  let positions: NameTable?

  init(
    base: Checkpoint, options: OutputOptions, sharing: SharedTensors? = nil,
    isAdapter: Bool = false, holdsAdapter: Bool = false, isVerifying: Bool = false,
    canExclude: Bool = false, configuration: [ConfigurationEdit] = [],
    adapterConfiguration: MergePlan.Document? = nil
  ) {
    self.base = base
    self.options = options
    self.sharing = sharing ?? SharedTensors(none: base)
    self.isAdapter = isAdapter
    self.holdsAdapter = isAdapter || holdsAdapter
    self.isVerifying = isVerifying
    self.canExclude = canExclude
    self.configuration = configuration
    self.adapterConfiguration = adapterConfiguration
    positions = options.type == nil ? nil : base.positions()
  }

  /// Plans the output: `updates` by the name of the tensor that they change. One
  /// without steps puts its tensor in the place of the base's.
  func plan(updates: [ExactName: TensorUpdate], findings: [Finding]) throws(CheckpointError)
    -> MergePlan
  {
    var tensors: [PlannedTensor] = []
    tensors.reserveCapacity(base.records.count)
    var refusals: [(name: String, refusal: TensorRefusal)] = []
    for (position, record) in base.records.enumerated() where !sharing.isDropped(record.name) {
      do throws(TensorRefusal) {
        try checkScales(of: record)
        var tensor = try planned(record, update: updates[ExactName(record.name)])
        tensor.order = position
        tensors.append(tensor)
      } catch {
        refusals.append((record.name, error))
      }
    }
    if let error = error(for: refusals) { throw error }
    let unread = isVerifying ? try attachChecksums(to: &tensors) : []
    let names = OutputNames(
      base: base, options: options, isAdapter: isAdapter, holdsAdapter: holdsAdapter)
    let configurations = try changedConfigurations()
    let carried = try carried(names.carriedFiles, changed: configurations)
    let (files, indexes) = try files(of: tensors, names, documents: carried.documents)
    let (blocks, scratch, memory) = try fitMemory(tensors, besides: carried.documents)
    let changed = Set(configurations.map(\.name))
    return MergePlan(
      files: files, sideFiles: names.sideFiles.filter { !changed.contains($0.name) },
      documents: options.isSingleFile ? indexes : indexes + configurations,
      findings: findings + carried.findings, memory: memory,
      numerics: options.numerics, unreadChecksums: unread, blocks: blocks, scratch: scratch)
  }

  private func planned(_ original: TensorRecord, update: TensorUpdate?) throws(TensorRefusal)
    -> PlannedTensor
  {
    let record = update?.base ?? original
    guard record.bytes != nil else {
      throw TensorRefusal(
        message: "has no data in its file (\(record.type.name)); expected a tensor with values")
    }
    try checkGrowth(record)
    let type = try outputType(of: update?.modelType ?? original.type)
    if let refusal = options.format.refusal(type, shape: record.shape) {
      throw TensorRefusal(message: refusal, advice: otherFormat(for: type, shape: record.shape))
    }
    let operation: PlannedTensor.Operation =
      if let update, !update.steps.isEmpty { .update(update) } else if type == record.type {
        .copy(record)
      } else { .cast(record) }
    return PlannedTensor(
      name: original.name, type: type, shape: record.shape, operation: operation,
      replacement: update?.replacement,
      aliases: options.format.sharesStorages ? sharing.aliases(of: original.name) : [])
  }

  func layout(
    _ shards: OutputShards, _ tensors: [PlannedTensor],
    notes: OrderedDictionary<String, String>, documents: [HDF5Layout.Document] = []
  ) throws(CheckpointError)
    -> (files: [PlannedFile], index: MergePlan.Document?)
  {
    do throws(CheckpointError) {
      return try shards.files(
        tensors, metadata: metadata, notes: options.format.sharesStorages ? [:] : notes,
        documents: documents)
    } catch {
      throw error.with(path: base.path)
    }
  }

  /// How tensors of some shards are cut into files.
  func cut(_ tensors: [PlannedTensor], of shards: [Shard]) -> OutputShards.Cut {
    // PEFT knows no shards.
    if options.isSingleFile || isAdapter { return .single }
    if let size = options.maximumShardSize { return .size(size) }
    return .groups(
      shards.map { shard in
        let start = tensors.partitioningIndex { $0.order >= shard.records.lowerBound }
        let end = tensors.partitioningIndex { $0.order >= shard.records.upperBound }
        return start..<end
      })
  }

  /// The metadata of the input; `format` is what transformers asks for.
  private var metadata: OrderedDictionary<String, String> {
    var metadata = sharing.metadata
    if metadata["format"] == nil, !base.statesMetadata { metadata["format"] = "pt" }
    return metadata
  }

  /// `config.json`, of a pipeline those of its models, with what the merge changes and
  /// the type that `--dtype` gives the weights; none that stays as it is.
  private func changedConfigurations() throws(CheckpointError) -> [MergePlan.Document] {
    guard options.type != nil || !configuration.isEmpty else { return [] }
    var documents: [MergePlan.Document] = []
    for directory in [""] + base.components.map({ $0 + "/" }) {
      guard let file = base.sideFile(directory + "config.json"),
        let changed = ConfigurationDocument.setting(
          options.type, directory.isEmpty ? configuration : [],
          in: try InputFile.json(at: file.path))
      else { continue }
      documents.append(
        MergePlan.Document(name: file.name, bytes: ConfigurationDocument.bytes(of: changed)))
    }
    return documents
  }
}
