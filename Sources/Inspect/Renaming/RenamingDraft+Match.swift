public import Formats

/// How much of the names `--to-match` gave a place.
public struct MatchSummary: Sendable, Hashable {
  /// What they were matched with, as the user named it.
  public let base: String
  /// The names (of an adapter: the modules) that have a place in the base.
  public let placed: Int
  public let count: Int
  /// Those without one.
  public let unplaced: [String]
  /// Tensors of an adapter that belong to all modules and so to no place of the base.
  public internal(set) var shared: [String] = []
}

extension RenamingDraft {
  /// Finds the renaming that gives the names of `base`.
  ///
  /// Throws where a name could be several: nothing is guessed.
  public mutating func match(_ base: KeyList) throws(CheckpointError) {
    try refuseContrary(to: base)
    let original = self
    do throws(CheckpointError) {
      try matchNames(of: base)
    } catch {
      var error = error
      error.fix = original.recutAdvice(for: base) ?? error.fix
      throw error
    }
    let shared = sharedByModules
    match?.shared = shared
    guard match?.unplaced.isEmpty == false, let last = findings.indices.last,
      let advice = original.recutAdvice(for: base)
    else { return }
    // A finding's fix is a command and nothing else.
    if isCommand(advice) {
      findings[last].fix = advice
    } else {
      findings[last].message += "; \(advice)"
    }
  }

  /// The tensors that all modules of an adapter share, such as VeRA's matrices.
  private var sharedByModules: [String] {
    let family = configuration?["peft_type"]?.string?.lowercased()
    return names.filter { name in
      guard case .leaf(let leaf, _) = AdapterKey(peft: name, family: family).content else {
        return false
      }
      return leaf.role == .sharedA || leaf.role == .sharedB
    }
  }

  /// Finds the renaming without a thought of what is split or fused.
  mutating func matchNames(of base: KeyList) throws(CheckpointError) {
    try convertFamily(base)
    try convertSpelling(base)
    if let kind, case .pipeline(let style) = AdapterFamily.naming(of: kind) {
      return look(up: style, in: base)
    }
    let original = self
    let failure = inferOrRecognise(base)
    if match?.unplaced.isEmpty == true { return }
    // Some of the names may be wrapped, and not all alike.
    if var bare = try original.unwrapped(for: base) {
      if let failure = bare.inferOrRecognise(base) { throw failure }
      self = bare
    } else if let failure {
      throw failure
    }
  }

  /// Takes what is inferred or, where that is not all, a renaming known by name; says
  /// why where there is neither.
  private mutating func inferOrRecognise(_ base: KeyList) -> CheckpointError? {
    var (attempt, failure) = inferred(base)
    if attempt.match?.unplaced.isEmpty != true, startsWithModules(base) {
      let (other, otherFailure) = inferred(base, startIsWord: true)
      if otherFailure == nil, other.match?.placed ?? 0 > attempt.match?.placed ?? 0 {
        (attempt, failure) = (other, nil)
      }
    }
    if attempt.match?.unplaced.isEmpty != true, let known = knownRenaming(to: base) {
      self = known
      return nil
    }
    if failure == nil { self = attempt }
    return failure
  }

  /// The draft with what is inferred, or as it was and why nothing is.
  private func inferred(_ base: KeyList, startIsWord: Bool = false)
    -> (draft: RenamingDraft, failure: CheckpointError?)
  {
    var attempt = self
    do throws(CheckpointError) {
      try attempt.infer(base, startIsWord: startIsWord)
      return (attempt, nil)
    } catch {
      return (self, error)
    }
  }

  /// Whether numbers at the start of the names, or of those of the base, may be no places
  /// in a list.
  private func startsWithModules(_ base: KeyList) -> Bool {
    NameShape.startWithModules(MatchSubject.subjects(of: self).lazy.map(\.path))
      || NameShape.startWithModules(entries(of: base).lazy.map(\.name))
  }

  /// The draft without the wrappers of training programs; nil where it has none, or the
  /// base has them too.
  private func unwrapped(for base: KeyList) throws(CheckpointError) -> RenamingDraft? {
    guard names.contains(where: KeyWrappers.isWrapped),
      !entries(of: base).contains(where: { KeyWrappers.isWrapped($0.name) })
    else { return nil }
    var bare = self
    try bare.apply(KeyMap(KeyWrappers.unmistakableRules), as: .inferred(base.path))
    return bare
  }

  /// The names that are wanted; the report of a failed load tells those that were
  /// missed, and all that it does not name are right as they are.
  func entries(of base: KeyList) -> [KeyList.Entry] {
    if base.isPartial { return base.continued(by: names) }
    guard let unwanted = base.unwanted else { return base.entries }
    let wrong = Set(unwanted.map { ExactName($0.name) })
    // A report that names nothing of this checkpoint is of another one.
    guard tensors.contains(where: { wrong.contains(ExactName($0.input)) }) else {
      return base.entries
    }
    let right = tensors.compactMap(\.origin).filter { !wrong.contains(ExactName($0)) }
    return base.entries + right.map { KeyList.Entry($0) }
  }
}
