/// What speaks for two names being one tensor, beyond nothing else being left.
///
/// Words that came or went are a renaming in themselves, as long as the name of the
/// module stays. A word in the place of another is one only where several modules have
/// the same change: a lone module under another name could be anything.
struct MatchEvidence {
  /// Words that gave way to others, wherever they stood.
  struct Change: Hashable {
    let old: [String]
    let new: [String]
  }

  /// For each change what else the names hold that have it.
  private var contexts: [Change: Set<[String]>] = [:]
  /// For each beginning of a settled name what became of it.
  private var beginnings: [[NamePart]: Set<[NamePart]>] = [:]
  /// The modules of settled names.
  private var modules: Set<[NameAlignment.Step]> = []

  /// The least number of modules that have to share a change.
  private static let leastContextCount = 2

  /// Takes note of a pair that could be one.
  mutating func add(_ alignment: NameAlignment) {
    let context = Self.context(alignment)
    guard !context.isEmpty else { return }
    for change in Self.changes(alignment) { contexts[change, default: []].insert(context) }
  }

  /// Takes note of a pair that is one.
  mutating func settle(_ alignment: NameAlignment) {
    add(alignment)
    if let module = Self.module(alignment) { modules.insert(module) }
    for (old, new) in Self.beginnings(alignment) { beginnings[old, default: []].insert(new) }
  }

  /// Whether more speaks for the pair than that no other is left.
  func proves(_ alignment: NameAlignment) -> Bool {
    guard isConsistent(alignment) else { return false }
    if isSettled(alignment) { return true }
    let needsProof = !Self.keepsModule(alignment)
    return Self.changes(alignment).allSatisfy { change in
      if change.isNarrower || !(needsProof || change.isReplacement || change.isTelling) {
        return true
      }
      return (contexts[change]?.count ?? 0) >= Self.leastContextCount
    }
  }

  /// Whether no settled name with the same beginning got another one, or, where several
  /// modules have the change, none that goes on with the same word.
  func isConsistent(_ alignment: NameAlignment) -> Bool {
    Self.beginnings(alignment).allSatisfy { old, new in
      guard let settled = beginnings[old], !settled.contains(new) else { return true }
      guard let next = Self.next(alignment, after: old) else { return false }
      return beginnings[old + next.old].map { $0.contains(new + next.new) } ?? isShared(alignment)
    }
  }

  /// Whether several modules have each of the changes.
  private func isShared(_ alignment: NameAlignment) -> Bool {
    Self.changes(alignment).allSatisfy { (contexts[$0]?.count ?? 0) >= Self.leastContextCount }
  }

  /// The step that follows a beginning, where it is the same in both names.
  private static func next(_ alignment: NameAlignment, after beginning: [NamePart])
    -> NameAlignment.Step?
  {
    var count = 0
    for step in alignment.steps {
      if count == beginning.count, !step.old.isEmpty { return step.isSame ? step : nil }
      count += step.old.count
    }
    return nil
  }

  /// Whether another name is settled that is the same up to its last change, or but for
  /// the last word, as that of the weight is for the bias.
  private func isSettled(_ alignment: NameAlignment) -> Bool {
    guard let last = alignment.steps.lastIndex(where: { !$0.isSame }) else { return true }
    let steps = alignment.steps[...last]
    if beginnings[steps.flatMap(\.old)] == [steps.flatMap(\.new)] { return true }
    return Self.module(alignment).map(modules.contains) ?? false
  }

  /// The steps without the word that nearly every name ends in, where it is the same.
  private static func module(_ alignment: NameAlignment) -> [NameAlignment.Step]? {
    guard let last = alignment.steps.last, last.isSame, last.old.count == 1,
      let word = last.old[0].word, WordMeaning.everywhere.contains(word)
    else { return nil }
    return alignment.steps.dropLast()
  }

  /// The beginnings of the name where a change has just happened.
  private static func beginnings(_ alignment: NameAlignment)
    -> [(old: [NamePart], new: [NamePart])]
  {
    var (old, new): ([NamePart], [NamePart]) = ([], [])
    return alignment.steps.compactMap { step in
      old += step.old
      new += step.new
      return step.old.isEmpty ? nil : (old, new)
    }
  }

  /// Whether the module has the same name, one of the same meaning, or one with words
  /// before or behind it.
  static func keepsModule(_ alignment: NameAlignment) -> Bool {
    func isMet(_ step: NameAlignment.Step) -> Bool {
      step.old.contains { part in
        guard let word = part.word, !WordMeaning.everywhere.contains(word) else { return false }
        return step.new.contains { other in
          other.word.map { $0 == word || WordMeaning.isSame(word, $0) } ?? false
        }
      }
    }
    guard let last = alignment.steps.lastIndex(where: isMet) else { return false }
    return alignment.steps[(last + 1)...].allSatisfy {
      $0.isSame || $0.old.isEmpty || $0.new.isEmpty
    } && (alignment.steps[last].isSame || changes(alignment).allSatisfy { !$0.isReplacement })
  }

  /// The words that both names have and that say which module it is.
  private static func context(_ alignment: NameAlignment) -> [String] {
    alignment.steps.filter(\.isSame).flatMap { $0.old.compactMap(\.word) }
      .filter { !WordMeaning.everywhere.contains($0) }
  }

  /// The words that gave way, without those that stand on both sides in meaning.
  static func changes(_ alignment: NameAlignment) -> [Change] {
    alignment.steps.filter { !$0.isSame }.compactMap { step in
      var old = step.old.compactMap(\.word)
      var new = step.new.compactMap(\.word)
      for word in old {
        guard let match = new.firstIndex(where: { $0 == word || WordMeaning.isSame(word, $0) })
        else { continue }
        new.remove(at: match)
        if let place = old.firstIndex(of: word) { old.remove(at: place) }
      }
      return old.isEmpty && new.isEmpty ? nil : Change(old: old, new: new)
    }
  }
}

extension MatchEvidence {
  /// Whether more speaks for one change of all `names` than that no other is left: words
  /// only came or went or mean the same, or several modules have the change.
  static func proves(_ old: String, becoming new: String, for names: [String]) -> Bool {
    guard
      let alignment = NameAlignment(
        NameShape.split(old).parts, NameShape.split(new).parts, knowing: KnownEdits())
    else { return false }
    let changes = changes(alignment)
    if alignment.isContrary || changes.contains(where: \.isContrary) { return false }
    guard changes.contains(where: { $0.isReplacement && !$0.isNarrower }) else { return true }
    let modules = names.map { name in
      NameShape.split(name).parts.compactMap(\.word).filter {
        !WordMeaning.everywhere.contains($0)
      }
    }
    return Set(modules).count >= leastContextCount
  }
}

extension MatchEvidence.Change {
  var isReplacement: Bool { !old.isEmpty && !new.isEmpty }

  /// Whether a word only got another before it, or lost it: `language_model` is a
  /// `model`.
  var isNarrower: Bool {
    old.count == 1 && new.count == 1
      && (old[0].hasSuffix("_\(new[0])") || new[0].hasSuffix("_\(old[0])"))
  }

  /// Whether a word came or went that says which of several modules it is.
  fileprivate var isTelling: Bool { (old + new).contains(where: WordMeaning.isTelling) }

  /// Whether a word gives way to one that means something else.
  var isContrary: Bool {
    old.contains { word in new.contains { WordMeaning.isOpposite(word, $0) } }
  }
}
