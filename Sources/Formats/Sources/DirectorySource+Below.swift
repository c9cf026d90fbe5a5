import SystemPackage

/// Adapters one level down, where PEFT saves those that have a name.
extension DirectorySource {
  func openBelow(_ listing: DirectoryListing) throws(CheckpointError) -> Checkpoint {
    let below = Self.adapters(below: listing)
    guard let only = below.first.map(listing.path) else {
      let inner = listing.directories.map(listing.path)
      throw DistributedCheckpoint.refusal(inner) ?? DistributedCheckpoint.missingList(listing)
        ?? MegatronDirectory(listing)?.refusal ?? cacheError(listing)
        ?? pipelineError(listing)
        ?? CheckpointError(
          path: path,
          listing.contains("adapter_config.json")
            ? "holds adapter_config.json, but no adapter_model.safetensors and no adapter_model.bin"
            : "holds no weights: no .safetensors, no .bin, no .h5 and no index of them")
    }
    guard below.count == 1 else {
      throw CheckpointError(
        path: path, "holds \(below.count) adapters: \(below.joined(separator: ", "))",
        fix: "name one of them, for example \(shellQuoted(only))")
    }
    return try DirectorySource(path: only, options: options).open()
  }

  /// Says so where an adapter called `default` has others below it; what a trainer saves
  /// on its way is no other adapter.
  func otherAdapters(below listing: DirectoryListing) -> [Finding] {
    guard listing.contains("adapter_config.json") else { return [] }
    let others = Self.adapters(below: listing).filter { !$0.hasPrefix("checkpoint-") }
    guard !others.isEmpty else { return [] }
    let list = others.prefix(5).joined(separator: ", ") + (others.count > 5 ? ", …" : "")
    return [
      Finding(
        .note, .duplicateWeights,
        (others.count == 1 ? "another adapter lies" : "\(others.count) other adapters lie")
          + " in the directory's own directories, \(list); the one beside them is used")
    ]
  }

  private static func adapters(below listing: DirectoryListing) -> [String] {
    listing.directories.filter { name in
      (try? DirectoryListing(path: listing.path(of: name)))?.contains("adapter_config.json") == true
    }
  }
}
