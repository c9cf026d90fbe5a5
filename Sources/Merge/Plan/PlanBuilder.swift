import Compute
import Formats
import OrderedCollections

/// Turns a checkpoint and what is to be added to it into a complete plan.
struct PlanBuilder {
  let base: Checkpoint
  let options: OutputOptions

  /// Plans the output: `deltas` by the name of the tensor that they are added to.
  func plan(deltas: [ExactName: [LowRankDelta]], findings: [Finding]) throws(CheckpointError)
    -> MergePlan
  {
    var tensors: [PlannedTensor] = []
    tensors.reserveCapacity(base.records.count)
    for record in base.records {
      do throws(CheckpointError) {
        tensors.append(try planned(record, deltas: deltas[ExactName(record.name)] ?? []))
      } catch {
        throw error.with(path: base.path, tensor: record.name)
      }
    }
    let stem = self.stem
    let shards = OutputShards(tensors, cut: cut, stem: stem)
    let (files, index) = try shards.files(tensors, metadata: metadata, stem: stem)
    let (blocks, scratch, memory) = try fitMemory(tensors)
    let configuration = options.isSingleFile ? nil : try changedConfiguration()
    return MergePlan(
      files: files,
      sideFiles: options.isSingleFile
        ? [] : sideFiles.filter { $0.name != configuration?.name },
      documents: [index, configuration].compactMap(\.self), findings: findings, memory: memory,
      numerics: options.numerics, blocks: blocks, scratch: scratch)
  }

  private func planned(_ record: TensorRecord, deltas: [LowRankDelta]) throws(CheckpointError)
    -> PlannedTensor
  {
    guard record.bytes != nil else {
      throw CheckpointError("has no data in its file; expected a tensor with values")
    }
    let type = try outputType(of: record)
    let operation: PlannedTensor.Operation =
      !deltas.isEmpty
      ? .update(record, deltas) : type == record.type ? .copy(record) : .cast(record)
    return PlannedTensor(name: record.name, type: type, shape: record.shape, operation: operation)
  }

  /// `--dtype` concerns float tensors only; indices and masks stay what they are.
  private func outputType(of record: TensorRecord) throws(CheckpointError) -> TensorType {
    guard let wanted = options.type, let type = record.type.element, type.kind == .float,
      type != wanted
    else { return record.type }
    guard Conversion.isConvertible(type), Conversion.isConvertible(wanted) else {
      throw CheckpointError(
        "\(type.name) cannot be converted to \(wanted.name)",
        fix: "leave out --dtype")
    }
    return .element(wanted)
  }

  /// Diffusers looks for its weights under a name of its own.
  private var stem: String {
    let diffusers = "diffusion_pytorch_model"
    return base.shards.contains { $0.name.hasPrefix(diffusers) } ? diffusers : "model"
  }

  private var cut: OutputShards.Cut {
    if options.isSingleFile { return .single }
    if let size = options.maximumShardSize { return .size(size) }
    return .groups(base.shards.map(\.records))
  }

  /// The metadata of the input; `format` is what transformers asks for.
  private var metadata: OrderedDictionary<String, String> {
    var metadata = base.format == .safetensors ? base.metadata : [:]
    if metadata["format"] == nil, base.format != .safetensors { metadata["format"] = "pt" }
    return metadata
  }

  /// Names that belong to a repository or another result, not to the model.
  private static let notCopied: Set<String> = [
    "README.md", "adapter_config.json", "trainer_state.json", "all_results.json",
    "train_results.json", "eval_results.json",
  ]

  private var sideFiles: [SideFile] {
    base.sideFiles.filter {
      !$0.holdsTensors && !Self.notCopied.contains($0.name) && !$0.name.hasSuffix("~")
    }
  }

  /// `config.json` with the type that `--dtype` gives the weights; nil where it
  /// stays as it is.
  private func changedConfiguration() throws(CheckpointError) -> MergePlan.Document? {
    guard let type = options.type, let file = base.sideFile("config.json"),
      let changed = ModelConfiguration.setting(type, in: try InputFile.json(at: file.path))
    else { return nil }
    return MergePlan.Document(name: file.name, bytes: ModelConfiguration.bytes(of: changed))
  }

  /// The largest blocks that fit into the memory that the user allows.
  private func fitMemory(_ tensors: [PlannedTensor]) throws(CheckpointError) -> (
    BlockSize, WorkerScratch.Sizes, MemoryEstimate
  ) {
    var blocks = BlockSize()
    while true {
      var scratch = WorkerScratch.Sizes()
      for tensor in tensors { scratch.include(tensor, blocks: blocks) }
      let memory = MemoryEstimate(perWorker: scratch.byteCount, shared: shared(tensors))
      let needed = memory.total(workers: options.threads)
      if needed <= options.maximumMemory { return (blocks, scratch, memory) }
      guard let smaller = blocks.halved else {
        throw CheckpointError(
          path: base.path,
          "needs \(needed) bytes of memory with \(options.threads) threads; --max-memory allows \(options.maximumMemory)",
          fix: "raise --max-memory or lower --threads")
      }
      blocks = smaller
    }
  }

  /// Factors and gathered tensors: while one tensor's last blocks are at work,
  /// the next one's are loaded.
  private func shared(_ tensors: [PlannedTensor]) -> Int {
    var largest = 0
    for tensor in tensors {
      var size = 0
      if tensor.source.plainExtent == nil, let bytes = tensor.source.bytes {
        size += bytes.view == nil && bytes.codec == .stored ? 0 : bytes.storageByteCount
      }
      if case .update(_, let deltas) = tensor.operation {
        for delta in deltas { size += Factors.byteCount(of: delta) }
      }
      largest = max(largest, size)
    }
    return 2 * largest + Self.programByteCount
  }

  /// The program itself with its tables of names.
  private static let programByteCount = 16 << 20
}
