extension DirectorySource {
  /// What to say of a directory whose weights lie in directories of it, as those of a
  /// diffusers pipeline do; nil for any other.
  func pipelineError(_ listing: DirectoryListing) -> CheckpointError? {
    let components = listing.directories.filter { name in
      guard let inner = try? DirectoryListing(path: listing.path(of: name)) else { return false }
      return hasKnownWeights(inner)
    }
    guard let first = components.first else { return nil }
    return CheckpointError(
      path: path,
      "holds no weights itself, but those of \(components.count) "
        + "\(components.count == 1 ? "component" : "components"): "
        + components.prefix(8).joined(separator: ", ") + (components.count > 8 ? ", …" : ""),
      fix: "name one of them, for example \(shellQuoted(listing.path(of: first)))")
  }
}
