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
    var attempt = self
    let failure: CheckpointError?
    do throws(CheckpointError) {
      try attempt.infer(base)
      failure = nil
    } catch {
      failure = error
    }
    if attempt.match?.unplaced.isEmpty != true, let known = knownRenaming(to: base) {
      self = known
      return nil
    }
    if failure == nil { self = attempt }
    return failure
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

  /// Finds the renaming by the words and the shapes alone.
  private mutating func infer(_ base: KeyList) throws(CheckpointError) {
    let subjects = MatchSubject.subjects(of: self)
    let entries = entries(of: base)
    let names = NameShape.fold(subjects.map { ($0.path, $0.demand) })
    let places = NameShape.fold(
      entries.map { ($0.name, $0.shape.map(ShapeDemand.shape) ?? .unknown) })
    let matching = NameMatching(names, to: places)
    if matching.isTooLarge { return try inferOneChange(subjects, base) }
    try refuseShifted(matching, base: base)
    try refuseOpen(matching, base: base)
    let homeless = names.indices.filter { matching.places[$0] == nil }.flatMap { index in
      names[index].members.values.map { subjects[$0.position].path }
    }
    guard homeless.count < subjects.count else { throw nothingFits(base, subjects) }
    let placed = subjects.count - homeless.count
    let misshapen = matching.misshapen.reduce(0) { $0 + names[$1].members.count }
    guard (placed + misshapen) * 2 > min(subjects.count, entries.count) else {
      throw littleFits(base, placed: placed, unplaced: homeless)
    }
    try applyMatching(matching, names, subjects, base: base)
    match = MatchSummary(
      base: base.path, placed: placed, count: subjects.count,
      unplaced: NaturalOrder.sorted(homeless))
    guard !homeless.isEmpty else { return }
    findings.append(Self.unplaced(NaturalOrder.sorted(homeless), base))
  }

  /// Finds the one change that all names have, where they are too many to lay side by side.
  private mutating func inferOneChange(_ subjects: [MatchSubject], _ base: KeyList)
    throws(CheckpointError)
  {
    let shapes = Dictionary(
      entries(of: base).map { ($0.name, $0.shape) }, uniquingKeysWith: { first, _ in first })
    let demands = Dictionary(
      subjects.map { ($0.path, $0.demand) }, uniquingKeysWith: { first, _ in first })
    let drift = NameDrift(
      from: subjects.map(\.path).filter { shapes[$0] == nil },
      to: shapes.keys.filter { demands[$0] == nil }.sorted()
    ) { found, wanted in
      guard let demand = demands[found], case let shape?? = shapes[wanted] else { return true }
      return demand.accepts(.shape(shape))
    }
    guard let drift,
      subjects.allSatisfy({ $0.keys.allSatisfy { !$0.isModule } })
    else {
      throw CheckpointError(
        path: path, "too many of its names could be too many of \(base.path) to compare them all",
        fix: "say what they have in common with --rename; --to-match finds the rest")
    }
    try apply(
      KeyMap([RenameRule(checked: drift.pattern, drift.replacement)]), as: .inferred(base.path))
    let unplaced = names.filter { shapes[$0] == nil }
    match = MatchSummary(
      base: base.path, placed: subjects.count - unplaced.count, count: subjects.count,
      unplaced: NaturalOrder.sorted(unplaced))
    if !unplaced.isEmpty { findings.append(Self.unplaced(NaturalOrder.sorted(unplaced), base)) }
  }

  /// The names that are wanted; the report of a failed load tells those that were
  /// missed, and all that it does not name are right as they are.
  func entries(of base: KeyList) -> [KeyList.Entry] {
    guard let unwanted = base.unwanted else { return base.entries }
    let wrong = Set(unwanted.map { ExactName($0.name) })
    // A report that names nothing of this checkpoint is of another one.
    guard tensors.contains(where: { wrong.contains(ExactName($0.input)) }) else {
      return base.entries
    }
    let right = tensors.compactMap(\.origin).filter { !wrong.contains(ExactName($0)) }
    return base.entries + right.map { KeyList.Entry($0) }
  }

  /// Turns the places into rules and applies them.
  private mutating func applyMatching(
    _ matching: NameMatching, _ names: [NameShape], _ subjects: [MatchSubject], base: KeyList
  ) throws(CheckpointError) {
    var changes: Set<[NameAlignment.Step]> = []
    var wanted: [(position: Int, name: String)] = []
    for (index, place) in matching.places {
      for (numbers, member) in names[index].members {
        let new = NameShape.name(matching.base[place.base].parts, numbers)
        for key in subjects[member.position].keys {
          changes.insert(key.steps(place.alignment.steps))
          wanted.append((key.position, key.renamed(to: new)))
        }
      }
    }
    if wanted.allSatisfy({ tensors[$0.position].record.name == $0.name }) { return }
    guard let rules = RuleSynthesis.rules(for: Self.ordered(changes)) else { throw noRules(base) }
    let map = KeyMap(rules)
    let results = try map.renaming(of: self.names).results
    guard wanted.allSatisfy({ results[$0.position] == $0.name }) else { throw noRules(base) }
    try apply(map, as: .inferred(base.path))
  }

  /// The changes in an order of their own, so that the same input gives the same rules.
  private static func ordered(_ changes: Set<[NameAlignment.Step]>) -> [[NameAlignment.Step]] {
    func text(_ parts: [NamePart]) -> String { parts.map { $0.word ?? "#" }.joined(separator: ".") }
    return changes.map { steps in
      (steps, steps.map { "\(text($0.old)) → \(text($0.new))" }.joined(separator: ", "))
    }.sorted { $0.1 < $1.1 }.map(\.0)
  }
}
