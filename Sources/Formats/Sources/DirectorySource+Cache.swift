/// Repositories in the cache of huggingface_hub, whose files lie two directories below.
extension DirectorySource {
  /// What to say of one; nil for any other directory.
  func cacheError(_ listing: DirectoryListing) -> CheckpointError? {
    guard listing.directories.contains("snapshots"),
      let revisions = try? DirectoryListing(path: listing.path(of: "snapshots")),
      let first = revisions.directories.first
    else { return nil }
    let count = revisions.directories.count
    return CheckpointError(
      path: path,
      "is a repository in the cache of huggingface_hub, which keeps the files of "
        + "\(count == 1 ? "1 revision in a directory" : "\(count) revisions in directories") under "
        + "snapshots",
      fix: "name one of them, for example \(shellQuoted(revisions.path(of: first)))")
  }
}
