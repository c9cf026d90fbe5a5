import SystemPackage

/// Pipelines of diffusers: several models, each in a directory of its own.
extension DirectorySource {
  static let pipelineFile = "model_index.json"

  /// All models of a pipeline as one checkpoint, whose names begin with those of their
  /// directories; nil for a directory that is none.
  func openPipeline(_ listing: DirectoryListing) throws(CheckpointError) -> Checkpoint? {
    guard listing.contains(Self.pipelineFile) else { return nil }
    let index = try InputFile.json(at: listing.path(of: Self.pipelineFile))
    let names = (index.object ?? []).map(\.key).filter {
      !$0.hasPrefix("_") && listing.directories.contains($0)
    }
    var pipeline = Checkpoint(path: path, format: .safetensors)
    pipeline.statesMetadata = true
    pipeline.sideFiles = listing.files.filter { !Self.isTensorFile($0) && !Self.isIndex($0) }
      .map { SideFile(name: $0, path: listing.path(of: $0)) }
    for name in names {
      let inner = try DirectoryListing(path: listing.path(of: name))
      guard try choose(from: inner) != nil else {
        pipeline.sideFiles += Self.sideFiles(of: pipeline, in: inner).map { $0.within(name) }
        continue
      }
      pipeline.append(try DirectorySource(path: inner.path, options: options).open(), as: name)
    }
    return pipeline.components.isEmpty ? nil : pipeline
  }

  /// What to say of a directory whose weights lie in directories of it, although
  /// nothing says that they belong together; nil for any other.
  func pipelineError(_ listing: DirectoryListing) -> CheckpointError? {
    let components = listing.directories.filter { name in
      guard let inner = try? DirectoryListing(path: listing.path(of: name)) else { return false }
      return hasKnownWeights(inner)
    }
    guard let first = components.first else { return nil }
    return CheckpointError(
      path: path,
      "holds no weights and no \(Self.pipelineFile) itself, but weights in "
        + "\(components.count == 1 ? "a directory" : "\(components.count) directories"): "
        + components.prefix(8).joined(separator: ", ") + (components.count > 8 ? ", …" : ""),
      fix: "name one of them, for example \(shellQuoted(listing.path(of: first)))")
  }
}

extension Checkpoint {
  /// Adds a model of a pipeline.
  fileprivate mutating func append(_ model: Checkpoint, as name: String) {
    let start = records.count
    if components.isEmpty {
      format = model.format
      metadata = model.metadata
      statesMetadata = model.statesMetadata
    }
    components.append(name)
    for record in model.records { records.append(record.within(name)) }
    unsupported += model.unsupported.map { $0.within(name) }
    shards += model.shards.map { shard in
      Shard(
        name: "\(name)/\(shard.name)", file: shard.file,
        records: start + shard.records.lowerBound..<start + shard.records.upperBound)
    }
    absentShards += model.absentShards.map { $0.within(name) }
    sideFiles += model.sideFiles.map { $0.within(name) }
    for var finding in model.findings {
      finding.tensors = finding.tensors.map { "\(name).\($0)" }
      if !findings.contains(finding) { findings.append(finding) }
    }
    others += model.others.map {
      OtherEntry(path: "\(name).\($0.path)", description: $0.description)
    }
  }
}

extension TensorRecord {
  /// The same tensor as one of a part of the model.
  fileprivate func within(_ component: String) -> TensorRecord {
    var record = self
    record.name = "\(component).\(name)"
    return record
  }
}

extension SideFile {
  /// The same file as one of a directory.
  fileprivate func within(_ directory: String) -> SideFile {
    SideFile(name: "\(directory)/\(name)", path: path)
  }
}
