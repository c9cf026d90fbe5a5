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
  private let positions: NameTable?

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
      isReplacement: update?.isReplacement ?? false,
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

  /// The format that can hold what the chosen one cannot.
  private func otherFormat(for type: TensorType, shape: [Int]) -> String? {
    if let assumption = type.assumption { return assumption }
    let other = OutputFormat.allCases.first { $0.refusal(type, shape: shape) == nil }
    return other.map { format in
      // Only a conversion, which can leave tensors out, is told the format as well.
      options.isSingleFile || !canExclude
        ? "name an output that ends in \(format.fileSuffixes[0]), which holds \(type.name)"
        : "--format \(format.rawValue), which holds \(type.name)"
    }
  }

  /// A view can repeat a few bytes to any size; that is a trap, unless it is small.
  private func checkGrowth(_ record: TensorRecord) throws(TensorRefusal) {
    guard let bytes = record.bytes, bytes.view != nil,
      record.byteCount > max(bytes.storageByteCount, options.maximumMemory)
    else { return }
    throw TensorRefusal(
      message: "takes \(record.byteCount) bytes when written out, but its storage has "
        + "\(bytes.storageByteCount); --max-memory allows \(options.maximumMemory)",
      advice: "raise --max-memory")
  }

  /// `--dtype` concerns float tensors only; indices and masks stay what they are.
  private func outputType(of type: TensorType) throws(TensorRefusal) -> TensorType {
    guard let wanted = options.type, let own = type.element, own.kind == .float, own != wanted
    else { return type }
    guard Conversion.isConvertible(own), Conversion.isConvertible(wanted) else {
      throw TensorRefusal(
        message: "\(own.name) cannot be converted to \(wanted.name)", advice: "leave out --dtype")
    }
    return .element(wanted)
  }

  /// Values without their scales, or scales of another type, would be another model.
  private func checkScales(of record: TensorRecord) throws(TensorRefusal) {
    guard let positions, let type = record.type.element,
      WeightScales.weightTypes.contains(type),
      let scales = WeightScales.suffixes.map({ record.name + $0 }).first(where: {
        positions[$0] != nil
      })
    else { return }
    throw TensorRefusal(
      message: "is \(type.name) and counts only together with \(scales), which --dtype would "
        + "change as well",
      advice: "leave out --dtype")
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
        let changed = ModelConfiguration.setting(
          options.type, directory.isEmpty ? configuration : [],
          in: try InputFile.json(at: file.path))
      else { continue }
      documents.append(
        MergePlan.Document(name: file.name, bytes: ModelConfiguration.bytes(of: changed)))
    }
    return documents
  }

  /// The largest blocks that fit into the memory that the user allows.
  private func fitMemory(_ tensors: [PlannedTensor], besides documents: [HDF5Layout.Document])
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
