import Formats

/// A step of projections, and which way it goes.
struct ProjectionDirection: Sendable {
  let step: ProjectionStep
  let isSplit: Bool

  static func split(_ step: ProjectionStep) -> Self { Self(step: step, isSplit: true) }
  static func fuse(_ step: ProjectionStep) -> Self { Self(step: step, isSplit: false) }

  /// What the paths of the modules end with before, and after.
  var from: [String] { isSplit ? [step.fused] : step.parts }
  var to: [String] { isSplit ? step.parts : [step.fused] }

  /// Whether names hold what it starts from, and others only what it leads to.
  func leads(from names: ModuleEndings, to others: ModuleEndings) -> Bool {
    mayLead(from: names, to: others) && !from.contains(where: others.contains)
  }

  /// The same where others may hold both: one part of a model has them split, another fused.
  func mayLead(from names: ModuleEndings, to others: ModuleEndings) -> Bool {
    from.contains(where: names.contains) && to.allSatisfy(others.contains)
  }
}

extension RenamingDraft {
  /// Throws where a preset took the names away from what the base has itself.
  func refuseContrary(to base: KeyList) throws(CheckpointError) {
    if let kind, case .pipeline = AdapterFamily.naming(of: kind) { return }
    guard !projections.isEmpty else { return }
    let wanted = ModuleEndings(base.names)
    for change in projections {
      guard case .preset(let name) = change.source,
        change.from.contains(where: wanted.contains), !change.to.contains(where: wanted.contains)
      else { continue }
      let (from, to) = (Self.list(change.from), Self.list(change.to))
      throw CheckpointError(
        path: path,
        "the preset \(name.quoted) makes \(to) of \(from), but \(base.path) has \(from) itself",
        fix: "leave out --preset \(name)")
    }
  }

  /// The presets that split or fuse the projections as the base has them, and what they and
  /// a renaming lead to; nil unless every name has its place then.
  func recut(for base: KeyList) -> (presets: [String], draft: RenamingDraft)? {
    let wanted = ModuleEndings(base.names)
    let sure = recut(for: base) { preset, own in
      preset.directions.contains { $0.leads(from: own, to: wanted) }
    }
    if let sure { return sure }
    // Of what only one part of the base may want, a single preset is tried at a time.
    let own = ModuleEndings(names)
    let possible = RenamePreset.table.filter { preset in
      preset.directions.contains {
        $0.mayLead(from: own, to: wanted) && !$0.leads(from: own, to: wanted)
      }
    }
    let found = possible.compactMap { candidate in
      recut(for: base) { preset, own in
        preset.name == candidate.name
          || preset.directions.contains { $0.leads(from: own, to: wanted) }
      }
    }
    guard let first = found.first, found.allSatisfy({ $0.draft.names == first.draft.names }) else {
      return nil
    }
    return first
  }

  private func recut(for base: KeyList, by isMeant: (RenamePreset, ModuleEndings) -> Bool)
    -> (presets: [String], draft: RenamingDraft)?
  {
    var draft = self
    var presets: [String] = []
    for preset in RenamePreset.table where !preset.directions.isEmpty {
      var attempt = draft
      guard isMeant(preset, ModuleEndings(draft.names)),
        (try? attempt.apply(preset, base: base)) != nil
      else { continue }
      draft = attempt
      presets.append(preset.name)
    }
    guard !presets.isEmpty, (try? draft.matchNames(of: base)) != nil,
      draft.match?.unplaced.isEmpty == true
    else { return nil }
    return (presets, draft)
  }

  /// The command that gives the projections the form that they have in `base`, or what to
  /// add to one that does more.
  func recutAdvice(for base: KeyList) -> String? {
    guard let presets = recut(for: base)?.presets else { return nil }
    let options = presets.map { "--preset \($0)" }.joined(separator: " ")
    let isFirst = steps.isEmpty && projections.isEmpty && dropped.isEmpty
    guard isFirst, tensors.contains(where: { $0.record.bytes != nil }) else {
      return "add \(options)"
    }
    return FixCommands.remap(path, "\(options) --to-match \(shellQuoted(base.path))")
  }

  /// The preset that goes the other way, where the base is what it leads to.
  func opposite(of directions: [ProjectionDirection], for base: KeyList?) -> String? {
    guard let wanted = base.map({ ModuleEndings($0.names) }) else { return nil }
    let own = ModuleEndings(names)
    return RenamePreset.table.first { preset in
      preset.directions.contains { other in
        other.leads(from: own, to: wanted)
          && directions.contains { $0.isSplit != other.isSplit && $0.to == other.from }
      }
    }?.name
  }

  static func list(_ words: [String]) -> String {
    words.count < 2
      ? words.joined() : words.dropLast().joined(separator: ", ") + " and \(words.last ?? "")"
  }
}
