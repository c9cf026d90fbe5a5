/// A directory as Megatron-LM writes it: one of `mp_rank_…` for each rank, of the newest
/// step or of one. It is recognised to say what to do with it, and not read as a whole.
struct MegatronDirectory {
  private static let pointer = "latest_checkpointed_iteration.txt"
  private static let lead = "mp_rank_"
  private static let states = ["model_optim_rng.pt", "model_rng.pt"]

  private let path: String
  /// The files of the ranks.
  private let files: [String]

  /// Nil for any other directory.
  init?(_ listing: DirectoryListing) {
    path = listing.path
    var files = Self.files(listing)
    if files.isEmpty, listing.contains(Self.pointer) {
      // Names of steps have as many digits each, so that the last is the newest.
      files =
        listing.directories.reversed().lazy.compactMap { name in
          (try? DirectoryListing(path: listing.path(of: name))).map(Self.files)
        }.first { !$0.isEmpty } ?? []
    }
    guard !files.isEmpty else { return nil }
    self.files = files
  }

  private static func files(_ listing: DirectoryListing) -> [String] {
    listing.directories.filter { $0.hasPrefix(lead) }.compactMap { name in
      guard let inner = try? DirectoryListing(path: listing.path(of: name)) else { return nil }
      return states.first(where: inner.contains).map(inner.path)
    }
  }

  var refusal: CheckpointError {
    CheckpointError(
      path: path,
      "is a checkpoint of Megatron-LM, "
        + (files.count == 1
          ? "whose model lies in the file of its only rank"
          : "of whose model each of \(files.count) ranks has a part in a file of its own; not "
            + "supported: AutoBridge of Megatron-Bridge or the tools/checkpoint of Megatron-LM put "
            + "them together"),
      fix: "tenon inspect \(shellQuoted(files[0]))")
  }
}
