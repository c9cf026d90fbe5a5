import Formats

/// Logs that are about another file than the one at hand.
extension LoadDiagnosis {
  /// That the file has what the log calls missing and lacks what it calls unexpected; nil
  /// where the log can be about it.
  func otherFile() -> Finding? {
    let held = Set(inspection.checkpoint.records.map { ExactName($0.name) })
    if let finding = strangeKeys(held) { return finding }
    // A tied head is in the lists of a model, but in few files.
    let missing = load.missing.filter {
      !EmbeddingNames.isOutput($0) || held.contains(ExactName($0))
    }
    guard !missing.isEmpty else { return nil }
    guard missing.allSatisfy({ held.contains(ExactName($0)) }),
      !load.unexpected.contains(where: { held.contains(ExactName($0)) })
    else { return nil }
    return Self.otherFile(
      missing,
      "\(path.printable) holds \(Self.amount("the one key", "all # keys", missing)) that the log "
        + "calls missing (\(Wording.folded(missing, limit: 1)))"
        + (load.unexpected.isEmpty
          ? ""
          : " and \(Self.amount("not the one", "none of the #", load.unexpected)) that it calls "
            + "unexpected (\(Wording.folded(load.unexpected, limit: 1)))"))
  }

  /// That a model has none of the keys that the log calls unexpected, whatever wrapper
  /// stands before most of them, and few that it calls missing.
  private func strangeKeys(_ held: Set<ExactName>) -> Finding? {
    let unexpected = load.unexpected
    guard isOfLog, inspection.adapter == nil, !unexpected.isEmpty,
      !unexpected.contains(where: { held.contains(ExactName($0)) }),
      load.missing.count(where: { held.contains(ExactName($0)) }) <= load.missing.count / 2,
      adapterKeys(among: unexpected).count < unexpected.count / 2
    else { return nil }
    return Self.otherFile(
      unexpected,
      "\(path.printable) holds \(Self.amount("not the one key", "none of the # keys", unexpected)) that "
        + "the log calls unexpected (\(Wording.folded(unexpected, limit: 1)))")
  }

  /// That an adapter has none of the keys that the log calls unexpected.
  func otherAdapter() -> Finding? {
    guard !load.unexpected.isEmpty, adapterKeys(among: load.unexpected).isEmpty else { return nil }
    return Self.otherFile(
      load.unexpected,
      "the log names \(Wording.count(load.unexpected.count, "unexpected key")) "
        + "(\(Wording.folded(load.unexpected, limit: 1))), which the adapter \(path.printable) does "
        + "not hold")
  }

  /// Those of some keys that are the adapter's, whatever wrapper stands before them.
  func adapterKeys(among keys: [String]) -> [String] {
    let names = inspection.checkpoint.records.map(\.name)
    let exact = Set(names.map(ExactName.init))
    let endings = Set(names.flatMap(Self.endings))
    return keys.filter { key in
      let own = Self.endings(of: AdapterKey.saved(key))
      return own.contains(where: exact.contains) || own.first.map(endings.contains) ?? false
    }
  }

  /// The name, and what is left of it without its first segments.
  private static func endings(of name: String) -> [ExactName] {
    let segments = name.dottedSegments
    return segments.indices.dropLast().map {
      ExactName(segments[$0...].joined(separator: "."))
    }
  }

  /// The words for one key or for several, in which `#` is their number.
  static func amount(_ one: String, _ several: String, _ keys: [String]) -> String {
    keys.count == 1 ? one : several.replacing("#", with: "\(keys.count)")
  }

  private static func otherFile(_ tensors: [String], _ proof: String) -> Finding {
    Finding(
      .warning, .missingKey, tensors: tensors,
      "\(proof): the log is about another file, or about an older state of this one")
  }
}
