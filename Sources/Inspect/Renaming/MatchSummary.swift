public import Formats

/// How much of the names `--to-match` gave a place.
public struct MatchSummary: Sendable, Hashable {
  /// What they were matched with, as the user named it.
  public let base: String
  /// The names (of an adapter: the modules) that have a place in the base.
  public let placed: Int
  public let count: Int
  /// Those without one; they keep their names.
  public let unplaced: [String]
}

extension RenamingDraft {
  /// Finds the renaming that gives the names of `base`.
  public mutating func match(_ base: KeyList) throws(CheckpointError) {
  }
}
