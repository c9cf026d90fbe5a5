import Formats

/// Checkpoints of another kind than what was expected.
extension LoadDiagnosis {
  private static let adapterKinds: [CheckpointKind] = [
    .peftAdapter, .llavaAdapter, .kohyaAdapter, .diffusersAdapter, .mlxAdapter,
  ]

  /// An adapter given to a model's load_state_dict.
  func adapterAsModel() -> Finding? {
    guard Self.adapterKinds.contains(inspection.kind), let adapter = inspection.adapter else {
      return nil
    }
    let wanted = load.missing.filter { !AdapterKey.hasLeaf($0) || PLoRA.ends($0) }
    if let finding = trainerLoad(adapter) { return finding }
    guard !wanted.isEmpty || isUnexpectedAlone else { return nil }
    if let finding = otherAdapter() { return finding }
    let factors = adapter.modules.flatMap(\.tensors).count
    var proof: [String] = []
    if !load.unexpected.isEmpty {
      let (own, all) = (adapterKeys(among: load.unexpected), load.unexpected.count)
      proof.append(
        (own.count == all ? Wording.verb(all, "the ", "all ") : "\(own.count) of the ")
          + "\(Wording.count(all, "unexpected key")) \(Wording.verb(own.count, "is", "are")) the "
          + "adapter's (\(Wording.folded(own, limit: 1)))")
    }
    if !wanted.isEmpty {
      proof.append(
        "the \(Wording.count(wanted.count, "missing key")) "
          + "\(Wording.verb(wanted.count, "is", "are")) the model's own "
          + "(\(Wording.folded(wanted, limit: 1)))")
    }
    return Finding(
      .error, .missingKey, tensors: load.missing,
      "this is an adapter, not a model: it holds \(Wording.count(factors, "tensor")) of "
        + "\(adapter.family) for \(Wording.count(adapter.modules.count, "module")) and was given to "
        + "the load_state_dict of \(source), which wants its own tensors; "
        + (proof.isEmpty ? "" : proof.joined(separator: ", and ") + "; ")
        + "nothing is damaged: merge it into the base and load the result",
      fix: FixCommands.merge(base: base, adapter: path))
  }

  /// A training program's own checkpoint given to a model's load_state_dict.
  func trainerNamesAsModel() -> Finding? {
    let names = inspection.checkpoint.records.map(\.name)
    guard let family = TrainerNames.recognised(names), !load.missing.isEmpty else { return nil }
    return Finding(
      .error, .missingKey, tensors: load.missing,
      "the tensors are \(family.words), and \(source) wants others "
        + "(\(Wording.folded(load.missing, limit: 1)))")
  }

  /// Whether somebody showed the unexpected keys alone, and all are parts of an adapter.
  private var isUnexpectedAlone: Bool {
    load.missing.isEmpty && load.mismatched.isEmpty
      && load.unexpected.allSatisfy(AdapterKey.hasLeaf)
  }

  /// A trainer that strictly loads an adapter's file into the wrapped model.
  private func trainerLoad(_ adapter: Adapter) -> Finding? {
    let wrapped = load.missing.filter { $0.contains(".base_layer.") }
    guard !wrapped.isEmpty else { return nil }
    return Finding(
      .error, .missingKey, tensors: load.missing,
      "the file holds an adapter alone, but was loaded strictly into the whole wrapped model: "
        + "\(Wording.count(wrapped.count, "missing key")) \(Wording.verb(wrapped.count, "is", "are")) "
        + "the base's (\(Wording.folded(wrapped, limit: 2))), which no adapter holds; load it with "
        + "PeftModel.load_adapter, or without strict")
  }

  /// Base and adapter in one file, given to a plain model.
  func wrappedAsModel() -> Finding? {
    guard inspection.kind == .wrappedCheckpoint, let adapter = inspection.adapter else {
      return nil
    }
    let factors = load.unexpected.filter { AdapterKey.hasLeaf($0) || $0.contains(".base_layer.") }
    guard !factors.isEmpty, !load.missing.isEmpty else { return nil }
    return Finding(
      .error, .missingKey, tensors: load.missing,
      "the checkpoint was saved while \(Wording.count(adapter.modules.count, "module")) "
        + "\(Wording.verb(adapter.modules.count, "was", "were")) wrapped for LoRA: "
        + "\(Wording.count(factors.count, "unexpected key")) "
        + "\(Wording.verb(factors.count, "is a factor or a", "are factors or")) base_layer, and the "
        + "plain weights that \(source) wants are missing (\(Wording.folded(load.missing, limit: 2))); "
        + "merge the factors into the base layers first",
      fix: "tenon merge \(shellQuoted(path)) -o OUT")
  }

  /// What is called after LoRA among the missing keys, and is none.
  func ploraWanted() -> [Finding] {
    let names = load.missing.filter(PLoRA.ends)
    guard !names.isEmpty else { return [] }
    return [
      Finding(
        .note, .ploraPresent, tensors: names,
        "\(Wording.count(names.count, "missing key")) \(Wording.verb(names.count, "is", "are")) PLoRA "
          + "(\(Wording.plora(names))): part of the base model in spite of the name, in no adapter, "
          + "and carried through a merge unchanged")
    ]
  }
}
