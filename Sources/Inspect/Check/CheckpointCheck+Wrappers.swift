import Formats

extension CheckpointCheck {
  /// That a model was saved while a training program had it wrapped.
  var wrappedNames: [Finding] {
    guard !isAdapter, inspection.kind != .wrappedCheckpoint else { return [] }
    let names = checkpoint.records.map(\.name)
    let wrapped = KeyWrappers.wrapped(names)
    guard let first = wrapped.first else { return [] }
    return [
      Finding(
        .warning, .prefixDrift, tensors: wrapped,
        (wrapped.count == names.count ? "all " : "\(wrapped.count) of the ")
          + "\(Wording.count(names.count, "key")) "
          + "\(Wording.verb(wrapped.count, "holds", "hold")) the wrapper \(KeyWrappers.found(in: first).quoted) of a "
          + "training program: a model that is not wrapped knows none of them"
      )
      .unwrapped(checkpoint.path)
    ]
  }
}

extension LoadDiagnosis {
  /// That the keys that the model does not know stand behind a wrapper, where nothing tells
  /// which keys it wants instead.
  func wrappedUnexpected() -> Finding? {
    guard load.missing.isEmpty, !load.unexpected.isEmpty else { return nil }
    let names = inspection.checkpoint.records.map(\.name)
    let wrapped = Set(KeyWrappers.wrapped(names).map(ExactName.init))
    let keys = load.unexpected.filter { wrapped.contains(ExactName(AdapterKey.saved($0))) }
    guard keys.count == load.unexpected.count else { return nil }
    return Finding(
      .error, .prefixDrift, tensors: keys,
      "\(Self.amount("the key", "all # keys", keys)) that \(source) does not know "
        + "\(Wording.verb(keys.count, "has", "have")) the wrapper \(KeyWrappers.found(in: keys[0]).quoted) of a "
        + "training program in \(Wording.verb(keys.count, "it", "them"))"
        + (wrapped.count > keys.count
          ? ", as \(wrapped.count) of the \(names.count) in the file have" : "")
    )
    .unwrapped(path)
  }

  /// That an adapter has all keys that PEFT misses behind wrappers, whatever they are.
  func wrapped(_ absent: [String]) -> Finding? {
    let names = inspection.checkpoint.records.map(\.name).filter { KeyWrappers.stripped($0) != $0 }
    let places = Dictionary(
      names.map { (ExactName(KeyWrappers.stripped($0)), $0) },
      uniquingKeysWith: { first, _ in first })
    guard let key = absent.first, let name = places[ExactName(key)],
      absent.allSatisfy({ places[ExactName($0)] != nil })
    else { return nil }
    var finding = Finding(
      .error, .prefixDrift, tensors: load.missing,
      "the adapter has \(Self.amount("the key that is", "all # keys that are", absent)) said to be "
        + "missing, under \(Wording.verb(absent.count, "another name", "other names")): "
        + "\(name.quoted) has to become \(key.quoted)" + consequence(isAll: false),
      fix: FixCommands.remap(path, "--preset strip-wrappers"))
    finding.renaming = KeyWrappers.renaming(names)
    return finding
  }
}
