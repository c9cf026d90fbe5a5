import SystemPackage

/// A directory that holds a model or an adapter.
struct DirectorySource {
  let path: String
  let options: Checkpoint.OpeningOptions

  /// PyTorch files that trainers leave beside the weights.
  private static let trainerFiles: Set<String> = [
    "training_args.bin", "optimizer.bin", "optimizer.pt", "scheduler.pt", "scaler.pt",
    "non_lora_trainables.bin", "mm_projector.bin",
  ]

  private static let tensorSuffixes = [
    ".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".h5", ".hdf5",
  ]

  /// Opens the weights and lists what lies beside them.
  func open() throws(CheckpointError) -> Checkpoint {
    let listing = try DirectoryListing(path: path)
    let hasWeights = hasKnownWeights(listing)
    if let states = try openStates(listing, besides: hasWeights) { return states }
    if !hasWeights, let refusal = DistributedCheckpoint.refusal([path]) { throw refusal }
    if !hasWeights, let pipeline = try openPipeline(listing) { return pipeline }
    guard let choice = try choose(from: listing) else { return try openBelow(listing) }
    var checkpoint = try open(choice, listing)
    // What the directory has under a name is nearer than what a file of tensors carries.
    let beside = Self.sideFiles(of: checkpoint, in: listing)
    checkpoint.sideFiles.removeAll { carried in beside.contains { $0.name == carried.name } }
    checkpoint.sideFiles += beside
    if case .files(let names) = choice, names.count == 1, let name = names.first,
      let stale = ShardIndex.stale(beside: name, holding: checkpoint.records, in: listing)
    {
      checkpoint.findings.append(stale)
    }
    checkpoint.findings += otherWeights(than: choice, of: checkpoint, listing)
    if choose(nil, from: listing) == nil, let variant = variants(in: listing).first {
      checkpoint.findings.append(Self.note(variant))
    }
    checkpoint.findings += otherAdapters(below: listing)
    return replacePlaceholders(of: checkpoint, listing)
  }

  /// What lies in the directory beside the weights of `checkpoint`.
  static func sideFiles(of checkpoint: Checkpoint, in listing: DirectoryListing) -> [SideFile] {
    let weights = Set(checkpoint.shards.map(\.name))
    return listing.files.filter { !weights.contains($0) && !isIndex($0) }
      .map { SideFile(name: $0, path: listing.path(of: $0)) } + SideFile.templates(in: listing)
      + SideFile.modules(in: listing)
  }

  /// The configuration of an adapter whose file of tensors is named by itself: the
  /// one in its directory, if the directory as a whole is that adapter.
  static func adapterConfiguration(beside path: String) -> [SideFile] {
    let parent = FilePath(path).removingLastComponent().string
    let name = FilePath(path).lastComponent?.string ?? path
    guard let listing = try? DirectoryListing(path: parent.isEmpty ? "." : parent),
      listing.contains("adapter_config.json")
    else { return [] }
    let source = DirectorySource(path: parent, options: Checkpoint.OpeningOptions())
    guard case .files([name]) = try? source.choose(from: listing) else { return [] }
    return [SideFile(name: "adapter_config.json", path: listing.path(of: "adapter_config.json"))]
  }

  /// The weights that were chosen.
  enum Choice: Equatable {
    case index(String)
    case files([String])
    /// Numbered shards whose index is missing.
    case unindexed([String])
  }

  func choose(from listing: DirectoryListing) throws(CheckpointError) -> Choice? {
    if let known = chooseKnownName(from: listing) { return known }
    let variants = variants(in: listing)
    guard variants.isEmpty else { throw severalVariants(variants, listing) }
    return try chooseOtherName(from: listing)
  }

  /// Whether weights lie there under a name that is known.
  func hasKnownWeights(_ listing: DirectoryListing) -> Bool {
    chooseKnownName(from: listing) != nil
  }

  /// The plain weights, or those of the only variant.
  private func chooseKnownName(from listing: DirectoryListing) -> Choice? {
    if let plain = choose(nil, from: listing) { return plain }
    let variants = variants(in: listing)
    return variants.count == 1 ? choose(variants[0], from: listing) : nil
  }

  func choose(_ variant: String?, from listing: DirectoryListing) -> Choice? {
    WeightLayout.all.lazy.compactMap { $0.choice(variant, in: listing) }.first
  }

  /// Weights under a name of their own: any one index, else any one file.
  private func chooseOtherName(from listing: DirectoryListing) throws(CheckpointError) -> Choice? {
    for suffix in Self.tensorSuffixes {
      let indexes = listing.files.filter { $0.hasSuffix(suffix + ".index.json") }
      if indexes.count == 1 { return .index(indexes[0]) }
      let files = listing.files.filter {
        $0.hasSuffix(suffix) && !Self.trainerFiles.contains($0) && !$0.hasPrefix("rng_state")
      }
      if files.count == 1 { return .files(files) }
      if files.count > 1 {
        throw CheckpointError(
          path: path,
          "holds \(files.count) files of tensors and nothing that tells which belong together: \(files.prefix(4).joined(separator: ", "))\(files.count > 4 ? ", …" : "")",
          fix: "tenon inspect \(shellQuoted(listing.path(of: files[0])))")
      }
    }
    return nil
  }

  private func open(_ choice: Choice, _ listing: DirectoryListing) throws(CheckpointError)
    -> Checkpoint
  {
    switch choice {
    case .index(let name):
      return try ShardIndex(path: listing.path(of: name)).open(in: path, options: options)
    case .files(let names): return try open(files: names, listing)
    case .unindexed(let names):
      var checkpoint = try open(files: names, listing)
      checkpoint.findings.append(
        Finding(.warning, .indexMismatch, "the shards have no index; all \(names.count) are read"))
      return checkpoint
    }
  }

  private func open(files names: [String], _ listing: DirectoryListing) throws(CheckpointError)
    -> Checkpoint
  {
    var parts: [(name: String, file: InputFile, contents: TensorFile)] = []
    var seen: [ExactName: String] = [:]
    for name in names {
      let file = try InputFile(path: listing.path(of: name))
      let contents = try TensorFile.read(file, options: options)
      for record in contents.records {
        if let other = seen.updateValue(name, forKey: ExactName(record.name)) {
          throw CheckpointError(
            path: file.path, tensor: record.name, "is in this shard and in \(other)",
            fix: "move the file away that does not belong to the model, or name one of them")
        }
      }
      parts.append((name, file, contents))
    }
    return Checkpoint(path: path, parts: parts)
  }

  /// Says so where a directory holds the weights in a second form as well.
  private func otherWeights(
    than choice: Choice, of checkpoint: Checkpoint, _ listing: DirectoryListing
  ) -> [Finding] {
    let chosen =
      switch choice {
      case .index(let name): name
      case .files(let names), .unindexed(let names): names[0]
      }
    let used = Set(checkpoint.shards.map(\.name) + [chosen])
    // Shards that the index omits are another finding.
    let series = Set(used.compactMap(ShardIndex.series))
    let others = listing.files.filter { name in
      !used.contains(name) && !WeightLayout.indexes(of: chosen).contains(name)
        && ShardIndex.series(of: name).map(series.contains) != true
        && !Self.trainerFiles.contains(name)
        && WeightLayout.all.contains { $0.names(name) }
    }
    guard let first = others.first else { return [] }
    let rest = others.count > 1 ? " and \(others.count - 1) more" : ""
    return [
      Finding(
        .note, .duplicateWeights,
        "the directory also holds \(first)\(rest); \(chosen) is used")
    ]
  }

  /// Whether a file of this name holds tensors, of which the weights that were
  /// chosen are the only ones that belong to the checkpoint.
  static func isTensorFile(_ name: String) -> Bool {
    (tensorSuffixes + [".gguf", ".msgpack", ".onnx", ".ot", ".npz"])
      .contains { name.hasSuffix($0) }
  }

  static func isIndex(_ name: String) -> Bool { WeightLayout.isIndex(name) }
}
