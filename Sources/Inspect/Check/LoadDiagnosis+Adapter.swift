import Formats

/// An adapter that does not load onto its model.
extension LoadDiagnosis {
  /// PEFT and diffusers name the keys that an adapter should have had.
  func adapterLoad() -> Result {
    var result = Result()
    let wanted = load.missing.map(AdapterKey.saved)
    let have = Set(inspection.checkpoint.records.map { ExactName($0.name) })
    let absent = wanted.filter { !have.contains(ExactName($0)) }
    let placing = AdapterPlacing(inspection.checkpoint, absent)
    if let renaming = placing.renaming {
      result.renaming = renaming
      result.findings.append(renamed(renaming, placing.placed, of: absent))
    } else if let choice = placing.choice {
      result.findings.append(undecided(choice, absent))
    } else if let finding = wrapped(absent) {
      result.findings.append(finding)
    } else if !load.missing.isEmpty {
      result.findings.append(unexplained(absent: absent, wanted: wanted))
    }
    if let finding = wrappedUnexpected() {
      result.findings += [finding] + mismatches()
      return result
    }
    if !load.unexpected.isEmpty, result.renaming == nil {
      result.findings.append(
        Finding(
          .error, .unmatchedKey, tensors: load.unexpected,
          "\(Wording.count(load.unexpected.count, "key")) of the adapter "
            + "\(Wording.verb(load.unexpected.count, "is", "are")) unknown to \(source): "
            + Wording.folded(load.unexpected)))
    }
    result.findings += mismatches()
    return result
  }

  /// That the adapter has the keys, and what becomes of the first.
  private func renamed(_ renaming: InferredRenaming, _ placed: [String], of absent: [String])
    -> Finding
  {
    let amount = placed.count == absent.count ? "all" : "\(placed.count) of the"
    let isAll = renaming.changes.count == inspection.checkpoint.records.count
    return Finding(
      .error, .prefixDrift, tensors: load.missing,
      "the adapter has \(amount) \(Wording.count(absent.count, "key")) that are said to be missing"
        + Self.example(renaming, placed)
        + consequence(isAll: isAll)
        + rest(absent, besides: placed),
      fix: renaming.command(for: path, toMatch: nil))
  }

  /// What becomes of keys that PEFT does not find.
  func consequence(isAll: Bool) -> String {
    let changed = isAll ? "the adapter changes nothing" : "nothing changes there"
    if load.missing.contains(where: { $0.contains("lora_B") }) {
      return "; loaded as it is, \(isAll ? "every" : "their") B stays zero and \(changed)"
    }
    // Without modules that were saved whole PEFT does not go on.
    guard
      load.missing.contains(where: { AdapterKey.hasLeaf($0) || $0.contains("trainable_tokens") })
    else { return "; PEFT does not load it as it is" }
    return
      "; loaded as it is, \(isAll ? "all" : "those") stay as PEFT first sets them and \(changed)"
  }

  /// The first of the keys that a tensor gets by its new name, with the old one.
  private static func example(_ renaming: InferredRenaming, _ placed: [String]) -> String {
    let origins = Dictionary(
      renaming.changes.map { (ExactName($0.to), $0.from) }, uniquingKeysWith: { first, _ in first })
    let pairs = placed.lazy.compactMap { key in origins[ExactName(key)].map { ($0, key) } }
    guard let (old, new) = pairs.first else {
      return renaming.presets.isEmpty
        ? "" : ", split or fused: \(RenamingDraft.list(renaming.presets)) makes them"
    }
    return ", under other names: \(old.quoted) has to become \(new.quoted)"
  }

  private func rest(_ absent: [String], besides placed: [String]) -> String {
    let placed = Set(placed.map(ExactName.init))
    let others = absent.filter { !placed.contains(ExactName($0)) }
    if others.isEmpty { return "" }
    return others.allSatisfy(AdapterPlacing.isOfTower) && !adaptsTower
      ? "; the other \(others.count) lie in the vision tower, which it does not adapt"
      : "; the other \(others.count) stay missing (\(Wording.folded(others)))"
  }

  /// Whether some key of the adapter is of the part that sees.
  private var adaptsTower: Bool {
    inspection.checkpoint.records.contains { AdapterPlacing.isOfTower($0.name) }
  }

  /// That the keys are as like to some of the missing ones as to others.
  private func undecided(_ choice: AdapterPlacing.Choice, _ absent: [String]) -> Finding {
    Finding(
      .error, .prefixDrift, tensors: load.missing,
      "the adapter has keys for some of the \(Wording.count(absent.count, "key")) that are said to "
        + "be missing, under other names, but \(choice.key.quoted) could be "
        + "\(choice.places.map(\.quoted).joined(separator: " or ")), and nothing tells which"
        + consequence(isAll: false))
  }

  private func unexplained(absent: [String], wanted: [String]) -> Finding {
    let towers = load.missing.filter(AdapterPlacing.isOfTower)
    if towers.count == load.missing.count, !adaptsTower {
      return Finding(
        .note, .missingKey, tensors: load.missing,
        "all \(Wording.count(towers.count, "missing key")) lie in the vision tower, whose layers "
          + "have the names of target_modules too: their B stays zero, which does no harm")
    }
    guard !absent.isEmpty else {
      return Finding(
        .note, .missingKey, tensors: load.missing,
        "the adapter holds all \(Wording.count(wanted.count, "key")) that are said to be missing: the "
          + "failure is of another file, or of an older state of this one")
    }
    return Finding(
      .error, .missingKey, tensors: load.missing,
      "\(absent.count) of the \(Wording.count(wanted.count, "key")) that PEFT wants "
        + "\(Wording.verb(absent.count, "is", "are")) not in the adapter by "
        + "\(Wording.verb(absent.count, "its name", "their names")) "
        + "(\(Wording.folded(absent)))\(otherLayers(absent))\(consequence(isAll: false))")
  }

  /// That the adapter has the missing keys in other layers.
  private func otherLayers(_ absent: [String]) -> String {
    let names = inspection.checkpoint.records.map(\.name)
    guard let layers = AbsentLayers(absent, in: names) else { return "" }
    return ", which has \(AbsentLayers.range(layers.held)) of \(layers.list.quoted) and not "
      + "\(AbsentLayers.range(layers.absent))"
  }
}
