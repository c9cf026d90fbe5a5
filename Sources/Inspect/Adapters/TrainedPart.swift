public import Formats

extension Checkpoint {
  /// What was trained of a DeepSpeed checkpoint, as its library would have saved it.
  ///
  /// Beside an `adapter_config.json`, or where the names say so, these are the tensors
  /// of a PEFT adapter: their names lose the name of the adapter and the wrappers that memory has and files
  /// have not, so that the result is the adapter that a partitioned run could not
  /// save. The trained tensors of a whole model keep their names.
  public func trainedPart() throws(CheckpointError) -> Checkpoint {
    var part = try trainedOnly()
    // Files of tensors beside the states are placeholders or another state.
    part.sideFiles.removeAll(where: \.holdsTensors)
    part.findings.removeAll { $0.code == .zeroSizeTensor }
    let file = sideFile(AdapterSurvey.configurationName)
    if file == nil {
      guard part.records.contains(where: { Self.isFactorInMemory($0.name) }) else { return part }
      part.findings.append(Self.noConfiguration(beside: path))
    }
    let family = try file.flatMap { (file) throws(CheckpointError) in
      try AdapterConfiguration(path: file.path).family
    }
    var origins: [ExactName: String] = [:]
    for position in part.records.indices {
      let name = part.records[position].name
      let saved = SavedName.of(name, family: family)
      if let other = origins.updateValue(name, forKey: ExactName(saved)) {
        throw CheckpointError(
          path: path, tensor: name,
          "would be saved as \(saved.quoted), and so would \(other.quoted)")
      }
      part.records[position].name = saved
    }
    part.trained = Set(part.records.map { ExactName($0.name) })
    return part
  }

  /// Whether the name is one that a factor of an adapter has in memory alone: with
  /// the name of the adapter in it.
  private static func isFactorInMemory(_ name: String) -> Bool {
    let key = AdapterKey(peft: name, family: nil)
    guard case .leaf = key.content else { return false }
    return key.adapterName != nil
  }

  private static func noConfiguration(beside path: String) -> Finding {
    Finding(
      .warning, .missingSideFile,
      "what was trained is an adapter, but there is no adapter_config.json beside the "
        + "checkpoint, which PEFT needs to load it",
      fix: "cp adapter_config.json \(shellQuoted(path)) and run the command again")
  }

  /// What is to be merged where this checkpoint is named as an adapter: of the states
  /// of a training under DeepSpeed what was trained, and of anything else all of it.
  public func adapterPart() throws(CheckpointError) -> Checkpoint {
    guard let trained, !trained.isEmpty else { return self }
    var part = try trainedPart()
    let rest = records.count - part.records.count
    part.findings.append(
      Finding(
        .note, .baseTensorInAdapter,
        "holds the states of a training under DeepSpeed; the adapter is what was trained: "
          + "\(part.records.count) tensors, without \(rest) others",
        fix: "tenon convert \(shellQuoted(path)) -o OUT --trainable-only"))
    return part
  }
}

/// The name under which PEFT saves a tensor that has another name in memory.
enum SavedName {
  /// `lora_A.default.weight` is saved as `lora_A.weight`, and
  /// `modules_to_save.default.weight` as `weight`.
  static func of(_ name: String, family: String?) -> String {
    let key = AdapterKey(peft: name, family: family)
    var segments = name.dottedSegments
    _ = KeyWrappers.strip(&segments)
    switch key.content {
    case .leaf(let leaf, _):
      if let adapter = key.adapterName, let place = segments.lastIndex(of: adapter) {
        segments.remove(at: place)
      }
      // A module in memory, but a parameter on disk, as it always was.
      if leaf.role == .magnitude, segments.last == "weight" { segments.removeLast() }
    case .plain:
      guard key.adapterName != nil else { break }
      if let copy = segments.firstIndex(of: "modules_to_save") {
        segments.removeSubrange(copy...copy + 1)
      } else if let delta = segments.firstIndex(of: "trainable_tokens_delta") {
        segments.remove(at: delta + 1)
      }
    case .frozenCopy: break
    }
    return segments.joined(separator: ".")
  }
}
