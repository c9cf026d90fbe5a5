import Formats

/// What `--to-match` finds by the words and the shapes.
extension RenamingDraft {
  /// Finds the renaming by the words and the shapes alone.
  mutating func infer(_ base: KeyList, startIsWord: Bool) throws(CheckpointError) {
    let subjects = MatchSubject.subjects(of: self)
    let entries = entries(of: base)
    let names = NameShape.fold(
      subjects.map { ($0.path, $0.demand) }, startIsWord: startIsWord)
    let classes = classesOfBase
    let places = NameShape.fold(
      entries.map { ($0.name, Self.demand(of: $0, classes)) }, startIsWord: startIsWord)
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

  /// What can be at a place: where the classes of the modules are known, so is which way
  /// round they hold their weights.
  private static func demand(of entry: KeyList.Entry, _ classes: ModuleClasses) -> ShapeDemand {
    guard let shape = entry.shape else { return .unknown }
    let module = entry.name.dottedSegments.dropLast().last
    return module.flatMap(classes.isConv1D) == false ? .linear(shape) : .shape(shape)
  }

  /// The classes of the modules by the `config.json` that was found last, the base's.
  private var classesOfBase: ModuleClasses {
    let json = modelConfigurations.last.flatMap { try? InputFile.json(at: $0) }
    return ModuleClasses(json.map(ModelConfiguration.init))
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
    var rules = RuleSynthesis.rules(for: Self.ordered(changes))
    if base.isPartial, rules?.contains(where: { $0.pattern == "^" }) == true {
      // What the list does not name may be right as it is.
      rules = RuleSynthesis.rules(
        for: Self.ordered(changes.union(unchanged(matching, names, subjects))))
    }
    guard let rules else { throw noRules(base) }
    let map = KeyMap(rules)
    let results = try map.renaming(of: self.names).results
    guard wanted.allSatisfy({ results[$0.position] == $0.name }) else { throw noRules(base) }
    try apply(map, as: .inferred(base.path))
  }

  /// The names that have no place, as they are.
  private func unchanged(
    _ matching: NameMatching, _ names: [NameShape], _ subjects: [MatchSubject]
  ) -> [[NameAlignment.Step]] {
    names.indices.filter { matching.places[$0] == nil }.flatMap { index in
      let same = names[index].parts.map { NameAlignment.Step(old: [$0], new: [$0]) }
      return names[index].members.values.flatMap { member in
        subjects[member.position].keys.map { $0.steps(same) }
      }
    }
  }

  /// The changes in an order of their own, so that the same input gives the same rules.
  private static func ordered(_ changes: Set<[NameAlignment.Step]>) -> [[NameAlignment.Step]] {
    func text(_ parts: [NamePart]) -> String { parts.map { $0.word ?? "#" }.joined(separator: ".") }
    return changes.map { steps in
      (steps, steps.map { "\(text($0.old)) → \(text($0.new))" }.joined(separator: ", "))
    }.sorted { $0.1 < $1.1 }.map(\.0)
  }
}
