import Formats
import Inspect

extension Checkpoint {
  /// Refuses a checkpoint of which two tensors came to the same name, as one of them
  /// would silently be missing from the output.
  ///
  /// `isWanted` tells which names are to go out at all.
  func requireDistinctNames(_ isWanted: (String) -> Bool = { _ in true }, canExclude: Bool = false)
    throws(CheckpointError)
  {
    try findings.requireDistinctNames(path: path, isWanted, canExclude: canExclude)
  }
}

extension [Finding] {
  /// The same for what was noticed when a checkpoint was read.
  func requireDistinctNames(
    path: String, _ isWanted: (String) -> Bool = { _ in true }, canExclude: Bool = false
  ) throws(CheckpointError) {
    let names = filter { $0.severity == .error && $0.code == .duplicateKey }
      .flatMap(\.tensors).filter(isWanted)
    guard let first = names.first else { return }
    let exclusion = "--exclude \(shellWord(Glob.literal(first)))"
    throw CheckpointError(
      path: path, tensor: first,
      "two keys of the file print as this name, and only one tensor could be written"
        + (names.count > 1 ? "; so it is with \(names.count) names" : ""),
      details: names.count > 1 ? names.map(\.printable) : [],
      fix: canExclude
        ? "choose the container of one of them with --root, or add \(exclusion)"
        : "tenon convert \(shellQuoted(path)) -o OUT \(exclusion)")
  }
}
