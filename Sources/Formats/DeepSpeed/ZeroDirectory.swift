import SystemPackage

/// The directory of one saved step, `global_stepN/`, with the files of all ranks.
struct ZeroDirectory {
  /// More than any name of a step has.
  private static let maximumTagSize = 4096
  /// What DeepSpeed puts beside its steps, of no use to anyone else.
  private static let ownFiles: Set<String> = [
    "latest", "latest_universal", "zero_to_fp32.py", "zero_to_torch.py",
  ]

  /// Files of which each tells that a directory is the checkpoint around a step.
  private static let marks = ["latest", "adapter_config.json", "config.json"]

  let listing: DirectoryListing
  /// The directory that the step lies in, if it is known to be a checkpoint.
  let parent: DirectoryListing?

  var path: String { listing.path }
  /// The name of the step, as `latest` has it.
  var tag: String { FilePath(path).lastComponent?.string ?? path }

  /// Whether a directory is the one of a step: it holds the states of ranks.
  static func isStep(_ listing: DirectoryListing) -> Bool {
    listing.files.contains(where: ZeroFileName.isStates)
  }

  /// A step whose directory the user named.
  init(step listing: DirectoryListing) {
    self.listing = listing
    let path = FilePath(listing.path)
    // The directory above "." or ".." has no name of its own.
    let parent =
      switch path.lastComponent?.kind {
      case .regular: path.removingLastComponent()
      default: path.appending("..")
      }
    let above = parent.isEmpty ? FilePath(".") : parent
    // The directory above can be any; a crowded one takes long to list.
    let isCheckpoint = Self.marks.contains { fileKind(above.appending($0).string) == .regular }
    self.parent = isCheckpoint ? try? DirectoryListing(path: above.string) : nil
  }

  /// The step that a checkpoint directory holds: the one that `latest` names, else
  /// the only one. Nil where it holds none.
  init?(below listing: DirectoryListing) throws(CheckpointError) {
    let steps = Self.steps(below: listing)
    guard listing.contains("latest") else {
      guard let only = steps.first else { return nil }
      guard steps.count == 1 else {
        throw CheckpointError(
          path: listing.path,
          "holds \(steps.count) steps of a DeepSpeed checkpoint and no \"latest\" that names one: "
            + TorchFindings.shortList(steps.map(\.tag)),
          fix: "name one of them, for example \(shellQuoted(only.listing.path))")
      }
      self.init(step: only.listing, in: listing)
      return
    }
    let tag = try Self.tag(in: listing)
    guard let step = steps.first(where: { $0.tag == tag }) else {
      // Another program's file of this name says nothing about steps.
      guard !steps.isEmpty || listing.directories.contains(tag) || tag.hasPrefix("global_step")
      else { return nil }
      if listing.directories.contains(tag),
        let inner = try? DirectoryListing(path: listing.path(of: tag)),
        inner.directories.contains("zero")
      {
        throw CheckpointError(
          path: inner.path,
          "is a universal checkpoint of DeepSpeed, with a directory for each parameter; "
            + "not supported")
      }
      let found = steps.isEmpty ? "none" : TorchFindings.shortList(steps.map(\.tag))
      throw CheckpointError(
        path: listing.path(of: "latest"),
        "names the step \(tag.quoted), but no directory of that name holds its states; found \(found)",
        fix: steps.last.map { "name one of them, for example \(shellQuoted($0.listing.path))" })
    }
    self.init(step: step.listing, in: listing)
  }

  private init(step: DirectoryListing, in parent: DirectoryListing) {
    listing = step
    self.parent = parent
  }

  private static func steps(below listing: DirectoryListing)
    -> [(tag: String, listing: DirectoryListing)]
  {
    listing.directories.compactMap { name in
      guard let inner = try? DirectoryListing(path: listing.path(of: name)), isStep(inner) else {
        return nil
      }
      return (name, inner)
    }
  }

  /// The text of `latest` without the white space around it.
  private static func tag(in listing: DirectoryListing) throws(CheckpointError) -> String {
    let file = try InputFile(path: listing.path(of: "latest"))
    var text = try file.readAll(limit: maximumTagSize)[...]
    let isSpace: (UInt8) -> Bool = { $0 == 0x20 || (0x09...0x0D).contains($0) }
    while let last = text.last, isSpace(last) { text.removeLast() }
    while let first = text.first, isSpace(first) { text.removeFirst() }
    return String(decoding: text, as: UTF8.self)
  }

  /// What belongs to the model beside its tensors.
  var sideFiles: [SideFile] {
    guard let parent else { return [] }
    return parent.files.filter { !Self.ownFiles.contains($0) && !DirectorySource.isIndex($0) }
      .map { SideFile(name: $0, path: parent.path(of: $0)) } + SideFile.templates(in: parent)
  }

  /// Refuses what is split in a way that is not put together here.
  func checkLayout() throws(CheckpointError) {
    for file in listing.files where file.hasSuffix("_states.pt") {
      if let kind = Self.splitKind(file) {
        throw CheckpointError(path: path, "is a \(kind) (\(file)); not supported")
      }
      for suffix in [ZeroFileName.optimizerSuffix, ZeroFileName.modelSuffix] {
        guard let name = ZeroFileName(file, suffix: suffix), name.modelRank > 0 else { continue }
        throw CheckpointError(
          path: path,
          "is a model-parallel checkpoint, whose layers are split over several ranks (\(file)); "
            + "not supported")
      }
    }
  }

  /// What a file with a part of the model says of the checkpoint, by its name.
  private static func splitKind(_ file: String) -> String? {
    if file.hasPrefix("expert_") || file.hasPrefix("expp_rank_") || file.contains("_expert_") {
      return "mixture-of-experts checkpoint, with files for the experts"
    }
    return file.hasPrefix("layer_")
      ? "pipeline-parallel checkpoint, with a file for each layer" : nil
  }

  /// The files with this suffix by rank, in the order of the ranks: rank 2 before
  /// rank 10.
  func files(_ suffix: String) throws(CheckpointError) -> [(rank: Int, name: String)] {
    var files: [(rank: Int, name: String)] = []
    for name in listing.files where name.hasSuffix(suffix) {
      guard let parsed = ZeroFileName(name, suffix: suffix) else {
        throw CheckpointError(
          path: listing.path(of: name),
          "the name does not tell its rank; expected zero_pp_rank_N_mp_rank_00\(suffix)")
      }
      files.append((parsed.rank, name))
    }
    files.sort { ($0.rank, $0.name) < ($1.rank, $1.name) }
    for (first, second) in zip(files, files.dropFirst()) where first.rank == second.rank {
      throw CheckpointError(
        path: path, "holds two files for rank \(first.rank): \(first.name) and \(second.name)")
    }
    return files
  }
}
