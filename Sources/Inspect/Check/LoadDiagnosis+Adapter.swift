import Formats

/// An adapter that does not load onto its model.
extension LoadDiagnosis {
  /// PEFT and diffusers name the keys that an adapter should have had.
  func adapterLoad() -> Result {
    var result = Result()
    // Said already: the file is empty.
    if inspection.checkpoint.records.isEmpty { return result }
    let wanted = load.missing.map(Self.onDisk)
    let names = inspection.checkpoint.records.map(\.name)
    let have = Set(names.map(ExactName.init))
    let absent = wanted.filter { !have.contains(ExactName($0)) }
    let wantedNames = Set(wanted.map(ExactName.init))
    let extra = NaturalOrder.sorted(names.filter { !wantedNames.contains(ExactName($0)) })
    let (renaming, placed) = renaming(to: absent)
    result.renaming = renaming
    if let renaming, !extra.isEmpty {
      let others = absent.count - placed.count
      result.findings.append(
        Finding(
          .error, .prefixDrift, tensors: load.missing,
          "the adapter has \(others == 0 ? "all" : "\(placed.count) of the") "
            + "\(Wording.count(absent.count, "key")) that are said to be missing, under other names: "
            + "\(extra[0].quoted) has to become "
            + "\(placed.first { $0.hasSuffix(Self.tail(of: extra[0])) }.map(\.quoted) ?? "another")"
            + "; loaded as it is, every B stays zero and the adapter changes nothing"
            + (others == 0
              ? ""
              : "; the other \(others) lie in the vision tower, which it does not adapt"),
          fix: renaming.command(for: path, toMatch: nil)))
    } else if !load.missing.isEmpty {
      result.findings.append(unexplained(absent: absent, wanted: wanted))
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

  /// What gives the missing keys their tensors, and which: those of a vision tower, whose
  /// layers have the names of target_modules too, are often none of the adapter's.
  private func renaming(to absent: [String]) -> (InferredRenaming?, placed: [String]) {
    let others = absent.filter { !Self.isOfTower($0) }
    for keys in others.count < absent.count ? [absent, others] : [absent] where !keys.isEmpty {
      if let renaming = InferredRenaming(inspection.checkpoint, toLoad: keys) {
        return (renaming, keys)
      }
    }
    return (nil, [])
  }

  private static func isOfTower(_ key: String) -> Bool {
    key.contains("vision_tower") || key.contains("vision_model")
  }

  private func unexplained(absent: [String], wanted: [String]) -> Finding {
    let towers = load.missing.filter(Self.isOfTower)
    if towers.count == load.missing.count {
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
        + "\(Wording.verb(absent.count, "is", "are")) not in the adapter "
        + "(\(Wording.folded(absent)))\(otherLayers(absent)): their B stays zero, so that nothing "
        + "changes there")
  }

  /// That the adapter has the missing keys in other layers.
  private func otherLayers(_ absent: [String]) -> String {
    let names = inspection.checkpoint.records.map(\.name)
    guard let layers = AbsentLayers(absent, in: names) else { return "" }
    return ", which has \(AbsentLayers.range(layers.held)) of \(layers.list.quoted) and not "
      + "\(AbsentLayers.range(layers.absent))"
  }

  /// The key as PEFT saves it: without the name of the adapter.
  static func onDisk(_ key: String) -> String {
    var segments = key.dottedSegments
    guard let leaf = segments.lastIndex(where: { $0.hasPrefix("lora_") }),
      leaf + 1 < segments.count, segments[leaf + 1] != "weight", segments[leaf + 1] != "bias"
    else { return key }
    segments.remove(at: leaf + 1)
    if segments[leaf] == "lora_magnitude_vector", segments.last == "weight" {
      segments.removeLast()
    }
    return segments.joined(separator: ".")
  }

  /// The module's own name and what follows, by which two keys of one place are known.
  private static func tail(of key: String) -> String {
    key.dottedSegments.suffix(5).joined(separator: ".")
  }
}
