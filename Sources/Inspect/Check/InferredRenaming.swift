import Formats

/// The renaming that `remap --to-match` would find, where no single rule does.
struct InferredRenaming {
  let map: KeyMap
  /// How many of the wanted names it gives a tensor that had none.
  let count: Int

  /// Nil where nothing is found, where a name could be several, or where a name that is
  /// right already would be lost.
  init?(_ checkpoint: Checkpoint, to wanted: KeyList) {
    guard wanted.entries.count <= Self.maximumCount,
      checkpoint.records.count <= Self.maximumCount,
      var draft = try? RenamingDraft(checkpoint), (try? draft.match(wanted)) != nil,
      !draft.map.rules.isEmpty, (try? draft.requireDistinct()) != nil,
      draft.dropped.isEmpty
    else { return nil }
    let before = Set(checkpoint.records.map { ExactName($0.name) })
    let after = Set(draft.names.map(ExactName.init))
    let places = Set(wanted.entries.map { ExactName($0.name) })
    guard places.isSuperset(of: before) || places.intersection(before).isSubset(of: after) else {
      return nil
    }
    map = draft.map.withEffect(on: checkpoint.records.map(\.name))
    count = places.intersection(after).count - places.intersection(before).count
    guard count > 0 else { return nil }
  }

  /// For an adapter whose modules are not all in the base: nil where it does not give
  /// every one of them a place.
  init?(adapter checkpoint: Checkpoint, to base: Checkpoint) {
    guard checkpoint.records.count <= Self.maximumCount, base.records.count <= Self.maximumCount,
      var draft = try? RenamingDraft(checkpoint), (try? draft.match(KeyList(base))) != nil,
      !draft.map.rules.isEmpty, (try? draft.requireDistinct()) != nil, draft.dropped.isEmpty,
      let match = draft.match, match.unplaced.isEmpty
    else { return nil }
    map = draft.map.withEffect(on: checkpoint.records.map(\.name))
    count = match.placed
  }

  /// Beyond this the search would take longer than a person waits.
  private static let maximumCount = 80_000
  /// The most rules that a command spells out.
  private static let maximumRuleCount = 4

  /// The command that renames the checkpoint at `path`.
  func command(for path: String, toMatch reference: String?, needsPrefix: Bool = false)
    -> String?
  {
    if map.rules.count <= Self.maximumRuleCount {
      return FixCommands.rename(
        path, map.rules.map(\.description) + (needsPrefix ? [RenameSuggestion.prefixing] : []))
    }
    let start = "tenon remap \(shellQuoted(path)) -o \(shellQuoted(FixCommands.renamed(path))) "
    return reference.map { start + "--to-match \(shellQuoted($0))" }
  }
}
