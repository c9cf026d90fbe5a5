import Formats

/// A checkpoint against the text of a failure.
extension CheckpointCheck {
  func report(_ alone: [Finding], log text: String, from source: String, isFile: Bool)
    throws(CheckpointError) -> CheckReport
  {
    let log = LoadLog(text)
    guard !log.isEmpty else { throw Self.notUnderstood(log, source) }
    var load = completed(log)
    let isOfWrapped = isAdapter && log.isResult && Self.isOfWrapped(load)
    if isOfWrapped { load.missing.removeAll { !Self.isTrained($0) } }
    var diagnosis = LoadDiagnosis(
      inspection: inspection, load: load, source: "the model of the log", base: nil,
      wanted: KeyList(load, path: source, isPartial: log.isPartial),
      reference: isFile ? source : nil,
      wantedShapes: Dictionary(
        load.mismatched.map { (ExactName($0.name), $0.expected) },
        uniquingKeysWith: { first, _ in first }))
    diagnosis.loader = log.loader
    diagnosis.tie = EmbeddingTie(base: nil, checkpoint: checkpoint)
    diagnosis.modelType = modelType(nil)
    diagnosis.isAdapterLoad = isOfWrapped || isAdapter && log.subjects == [.adapter]
    let result = load.isClean ? LoadDiagnosis.Result() : diagnosis.result()
    let doubts = log.failures.map { $0.doubt(of: checkpoint, with: alone) }
    let sentences = zip(log.failures, doubts).filter { $1 == nil }.map { failure, _ in
      failure.finding(of: inspection)
    }
    let success = isOfWrapped && load.isClean ? [Self.loaded] : []
    return report(
      success + result.findings + sentences
        + UnusedComponents.findings(log.unusedComponents, checkpoint)
        + Self.unsaid(alone, besides: load) + cut(log), doubts: doubts.compactMap(\.self),
      load: load, map: result.map)
  }

  private static func notUnderstood(_ log: LoadLog, _ source: String) -> CheckpointError {
    CheckpointError(
      path: source,
      "names no keys and holds no sentence that tenon knows"
        + (log.lastError.map { "; its last error is \($0.quoted)" } ?? "")
        + "; expected the text of a failed load, such as \"Missing key(s) in state_dict\" or a LOAD "
        + "REPORT")
  }

  /// Whether the keys that a load gave back are those of a model that PEFT wrapped.
  private static func isOfWrapped(_ load: StrictLoad) -> Bool {
    !load.missing.isEmpty && load.missing.allSatisfy { $0.hasPrefix("base_model.model.") }
  }

  /// Whether such a key is one that an adapter holds.
  private static func isTrained(_ name: String) -> Bool {
    AdapterKey.hasLeaf(name) || AdapterKey(peft: name).adapterName != nil
  }

  private static let loaded = Finding(
    .note, .missingKey,
    "the log is what a load gives back that is not strict: all the keys that it calls missing are "
      + "the base's, which no adapter holds, and it calls none unexpected: the adapter was loaded")

  private func cut(_ log: LoadLog) -> [Finding] {
    if !log.firstKeys.isEmpty {
      return [
        Finding(
          .note, .missingKey,
          "the program stopped at the first key that it did not find, so that there may be others"
            + (log.firstKeys.contains { key in checkpoint.records.contains { $0.name == key } }
              ? "; the file has it: the model has not, or the log is of another file" : ""))
      ]
    }
    guard log.isCut else { return [] }
    return [
      Finding(
        .note, .missingKey,
        "a list of the log was cut off: what is said of its keys is said of those that it names")
    ]
  }

  /// The lists of the log, with those keys of the checkpoint that it only hints at, and
  /// without the keys that the checkpoint shows not to be meant.
  private func completed(_ log: LoadLog) -> StrictLoad {
    var load = log.load
    load.mismatched = completed(load.mismatched)
    let names = Set(checkpoint.records.map { ExactName($0.name) })
    for key in log.firstKeys where !(load.missing + load.unexpected).contains(key) {
      // What lies in the file was looked for in the model.
      if names.contains(ExactName(key)) {
        load.unexpected.append(key)
      } else {
        load.missing.append(key)
      }
    }
    guard log.isFolded else { return load }
    let unexpected = load.unexpected.filter { names.contains(ExactName($0)) }
    let missing = load.missing.filter { !names.contains(ExactName($0)) }
    // Of another file, nothing would be left.
    if !unexpected.isEmpty { load.unexpected = unexpected }
    if !unexpected.isEmpty || !missing.isEmpty { load.missing = missing }
    return load
  }

  /// Programs that load module by module name only the end, `weight`: then all tensors
  /// of that end and shape are meant.
  private func completed(_ mismatches: [StrictLoad.Mismatch]) -> [StrictLoad.Mismatch] {
    guard mismatches.contains(where: { !$0.name.contains(".") }) else { return mismatches }
    let byEnd = Dictionary(grouping: checkpoint.records) {
      String($0.name.dottedSegments.last ?? "")
    }
    return mismatches.flatMap { mismatch in
      let meant = (byEnd[mismatch.name] ?? []).filter {
        $0.name == mismatch.name || $0.shape == mismatch.found
      }
      guard !meant.isEmpty, meant.count <= Self.maximumMeantCount else { return [mismatch] }
      return meant.map {
        StrictLoad.Mismatch($0.name, expected: mismatch.expected, found: mismatch.found)
      }
    }
  }

  /// So many tensors of one shape tell nothing.
  private static let maximumMeantCount = 1000
}
