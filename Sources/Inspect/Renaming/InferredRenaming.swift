import Formats

/// The renaming that `remap --to-match` would find.
struct InferredRenaming {
  /// The rules; nil where the names alone do not say what is done.
  let map: KeyMap?
  /// The presets that split or fuse projections first.
  let presets: [String]
  /// How many of the wanted names it gives a tensor that had none.
  let count: Int
  /// The names that the checkpoint has after it.
  let names: Set<ExactName>
  /// Whether the presets do it all.
  private let isByPresets: Bool
  /// The options of a command that needs no reference, where they are more than presets.
  private let ownOptions: String?
  /// The names that it changes, with what becomes of each, in the order of the checkpoint.
  let changes: [Renaming.Change]

  /// Nil where nothing is found, where a name could be several, or where a name that is
  /// right already would be lost.
  init?(_ checkpoint: Checkpoint, to wanted: KeyList) {
    guard let (draft, presets) = Self.matched(checkpoint, to: wanted) else { return nil }
    let before = Set(checkpoint.records.map { ExactName($0.name) })
    let after = Set(draft.names.map(ExactName.init))
    let places = Set(wanted.entries.map { ExactName($0.name) })
    guard places.isSuperset(of: before) || places.intersection(before).isSubset(of: after) else {
      return nil
    }
    self.init(
      draft, presets, of: checkpoint,
      count: places.intersection(after).count - places.intersection(before).count)
    guard count > 0 else { return nil }
  }

  /// Takes rules as they are: nil where they leave one of `missing` without a tensor, or
  /// change any name to another than one of those.
  init?(_ checkpoint: Checkpoint, by rules: [RenameRule], missing: [String]) {
    guard !rules.isEmpty, var draft = try? RenamingDraft(checkpoint),
      (try? draft.apply(KeyMap(rules), as: .rule)) != nil, (try? draft.requireDistinct()) != nil
    else { return nil }
    self.init(draft, [], of: checkpoint, count: missing.count)
    let wanted = Set(missing.map(ExactName.init))
    guard names.isSuperset(of: wanted),
      changes.allSatisfy({ wanted.contains(ExactName($0.to)) })
    else { return nil }
  }

  /// For an adapter whose modules are not all in the base: nil where it does not give
  /// every one of them a place.
  init?(_ adapter: Adapter, to base: Checkpoint) {
    let checkpoint = Checkpoint(path: adapter.path, format: .safetensors, records: adapter.records)
    guard case .path = AdapterFamily.naming(of: adapter.kind),
      let (draft, presets) = Self.matched(
        checkpoint, to: KeyList(base),
        prepare: { draft in
          draft.configuration = adapter.configuration.map { configuration in
            .object([JSONMember("peft_type", .string(configuration.family))])
          }
        }), let match = draft.match, match.unplaced.isEmpty
    else { return nil }
    self.init(draft, presets, of: checkpoint, count: match.placed)
  }

  /// For an adapter that lacks some of PEFT's keys: nil where it does not give every one
  /// of them a tensor, or where a key that may be right as it is would become another.
  init?(_ checkpoint: Checkpoint, toLoad keys: [String]) {
    let paths = keys.map { AdapterKey(peft: $0).target + ".weight" }
    guard let found = Self.loading(checkpoint, keys, by: paths) else { return nil }
    if !found.renaming.changesOthers(than: keys) {
      self = found.renaming
      return
    }
    // What has no place among the missing keys has one already.
    guard let kept = Self.loading(checkpoint, keys, by: paths + found.unplaced)?.renaming,
      !kept.changesOthers(than: keys)
    else { return nil }
    self = kept
  }

  private static func loading(_ checkpoint: Checkpoint, _ keys: [String], by paths: [String])
    -> (renaming: InferredRenaming, unplaced: [String])?
  {
    let list = KeyList(path: checkpoint.path, paths.map { KeyList.Entry($0) })
    guard let (draft, presets) = matched(checkpoint, to: list),
      Set(draft.names.map(ExactName.init)).isSuperset(of: keys.map(ExactName.init))
    else { return nil }
    return (
      InferredRenaming(draft, presets, of: checkpoint, count: keys.count),
      draft.match?.unplaced ?? []
    )
  }

  /// Whether a key that PEFT could have saved becomes one that is none of `keys`.
  private func changesOthers(than keys: [String]) -> Bool {
    let wanted = Set(keys.map(ExactName.init))
    return changes.contains {
      !wanted.contains(ExactName($0.to)) && AdapterKey.isSaved($0.from)
    }
  }

  /// For names of a known family, not all of which the model has: nil where its preset
  /// cannot be applied to them.
  init?(_ checkpoint: Checkpoint, by family: NameFamily, to wanted: KeyList) {
    guard var draft = try? RenamingDraft(checkpoint) else { return nil }
    var options = ["--preset \(family.preset)"]
    if !family.isRenaming, draft.modelConfigurations.isEmpty {
      draft.modelConfigurations = wanted.configurations
      guard let heads = try? draft.heads(of: "") else { return nil }
      options.append("--attention-heads \(heads.queries) --key-value-heads \(heads.keys)")
    }
    guard (try? draft.apply(try RenamePreset(named: family.preset), base: wanted)) != nil,
      (try? draft.requireDistinct()) != nil
    else { return nil }
    let after = Set(draft.names.map(ExactName.init))
    let missing = Set(wanted.entries.map { ExactName($0.name) })
      .subtracting(checkpoint.records.map { ExactName($0.name) })
    self.init(
      draft, [family.preset], of: checkpoint, count: missing.intersection(after).count,
      command: options.joined(separator: " "))
    guard count > 0 else { return nil }
  }

  private init(
    _ draft: RenamingDraft, _ presets: [String], of checkpoint: Checkpoint, count: Int,
    command: String? = nil
  ) {
    self.presets = presets
    ownOptions = command
    isByPresets = draft.steps.allSatisfy { step in
      if case .preset = step.source { return true }
      return step.map.rules.isEmpty
    }
    self.count = count
    names = Set(draft.names.map(ExactName.init))
    changes = draft.renaming.renamed
    map = presets.isEmpty ? draft.map.withEffect(on: checkpoint.records.map(\.name)) : nil
  }

  /// Beyond this the search would take longer than a person waits.
  private static let maximumCount = 100_000

  /// The names changed to those that are wanted, and the presets that this takes.
  private static func matched(
    _ checkpoint: Checkpoint, to wanted: KeyList, prepare: (inout RenamingDraft) -> Void = { _ in }
  ) -> (draft: RenamingDraft, presets: [String])? {
    guard wanted.entries.count <= maximumCount, checkpoint.records.count <= maximumCount,
      var original = try? RenamingDraft(checkpoint)
    else { return nil }
    original.modelConfigurations += wanted.configurations
    prepare(&original)
    var draft = original
    var presets: [String] = []
    let isFound = (try? draft.matchNames(of: wanted)) != nil
    if !isFound || draft.match?.unplaced.isEmpty == false {
      if let recut = original.recut(for: wanted) {
        (presets, draft) = recut
      } else if !isFound {
        return nil
      }
    }
    guard !draft.map.rules.isEmpty || !presets.isEmpty, (try? draft.requireDistinct()) != nil,
      draft.dropped.allSatisfy({ MetaNames.isBuffer($0.name) })
    else { return nil }
    return (draft, presets)
  }
}

extension InferredRenaming {
  /// The rule, where it is a single one.
  var onlyRule: RenameRule? { map.flatMap { $0.rules.count == 1 ? $0.rules[0] : nil } }

  /// The most rules that a command spells out.
  private static let maximumRuleCount = 4

  /// The command that renames the checkpoint at `path`.
  func command(for path: String, toMatch reference: String?) -> String? {
    if let map, map.rules.count <= Self.maximumRuleCount {
      return FixCommands.rename(path, map.rules.map(\.description))
    }
    if let ownOptions { return FixCommands.remap(path, ownOptions) }
    guard reference != nil || isByPresets else { return nil }
    let options =
      presets.map { "--preset \($0)" }
      + [reference].compactMap(\.self).map { "--to-match \(shellQuoted($0))" }
    return FixCommands.remap(path, options.joined(separator: " "))
  }

  /// What it does, after the number of names that it is about.
  func description(of names: [String]) -> String {
    let names = Wording.folded(names, limit: 2)
    guard let map else {
      let isReordering = presets.allSatisfy { name in
        NameFamily.table.contains { $0.preset == name }
      }
      return "are there \(isReordering ? "under other names" : "split or fused"): the "
        + "\(presets.count == 1 ? "preset" : "presets") "
        + "\(RenamingDraft.list(presets)) \(Wording.verb(presets.count, "makes", "make")) them of "
        + names
    }
    return "\(Wording.verb(count, "is", "are")) there under other names: "
      + "\(Wording.count(map.rules.count, "rule")) "
      + "\(Wording.verb(map.rules.count, "renames", "rename")) \(names) to them"
  }
}
