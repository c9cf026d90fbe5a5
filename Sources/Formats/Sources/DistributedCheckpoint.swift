import SystemPackage

/// A directory as `torch.distributed.checkpoint` writes it: pieces of tensors in
/// `.distcp` files, and `.metadata`, a pickle that says what belongs where. It is
/// recognised to say what to do with it, and not read.
enum DistributedCheckpoint {
  private static let listName = ".metadata"
  /// What the name of every class begins with that the list is made of.
  private static let module = Array("torch.distributed.checkpoint.metadata".utf8)
  /// The bytes at the start of the list in which the first class is named.
  private static let headSize = 128

  /// Whether a file is such a list, by its content.
  static func isList(_ file: InputFile) -> Bool {
    guard let head = try? file.read(min(headSize, file.size), at: 0) else { return false }
    return head.first == 0x80 && head.count >= module.count
      && (0...head.count - module.count).contains { head[$0...].starts(with: module) }
  }

  /// Whether a directory holds such a list.
  static func isDirectory(_ path: String) -> Bool {
    let list = FilePath(path).appending(listName).string
    guard fileKind(list) == .regular, let file = try? InputFile(path: list) else { return false }
    return isList(file)
  }

  /// The refusal of the first of some directories that is one; nil where none is. The state
  /// of an optimizer lies beside the model, in a directory that is one as well.
  static func refusal(_ directories: [String]) -> CheckpointError? {
    let found = directories.filter(isDirectory)
    return
      (found.first { FilePath($0).lastComponent?.string.contains("model") == true }
      ?? found.first).map(refusal)
  }

  /// What to say of a directory that has the pieces alone; nil for any other.
  static func missingList(_ listing: DirectoryListing) -> CheckpointError? {
    let pieces = listing.files.filter { $0.hasSuffix(".distcp") }
    guard let first = pieces.first else { return nil }
    return CheckpointError(
      path: listing.path,
      "holds pieces of a checkpoint of torch.distributed.checkpoint (\(first.printable)"
        + "\(pieces.count > 1 ? " and \(pieces.count - 1) more" : "")), but no \(listName) that says "
        + "what belongs where: its name begins with a dot, and copying * leaves it behind")
  }

  /// The refusal of a file that is the list, or a file of pieces beside it; nil for
  /// any other.
  static func refusal(_ file: InputFile) -> CheckpointError? {
    let parent = FilePath(file.path).removingLastComponent()
    let directory = parent.isEmpty ? "." : parent.string
    // Pieces look like archives of their own, so the name has to tell them apart.
    guard isList(file) || file.path.hasSuffix(".distcp") && isDirectory(directory) else {
      return nil
    }
    return refusal(directory)
  }

  private static func refusal(_ directory: String) -> CheckpointError {
    let name = shellQuoted(directory)
    return CheckpointError(
      path: directory,
      "is a checkpoint of torch.distributed.checkpoint (DCP), whose tensors lie in pieces; not "
        + "supported: torch puts them together, or for FSDP accelerate merge-weights \(name) OUT",
      fix: "python -m torch.distributed.checkpoint.format_utils dcp_to_torch \(name) out.pt")
  }
}
