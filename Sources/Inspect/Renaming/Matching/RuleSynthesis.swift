import Formats

/// Writes changes of names as few rules, each as short as it can be.
///
/// A rule is taken only if it changes exactly what has to change in every name, at
/// the time when it is applied.
struct RuleSynthesis {
  private var subjects: [Subject]

  init(_ changes: [[NameAlignment.Step]]) { subjects = changes.map(Subject.init) }

  /// The rules, or nil where no order of rules gives every name what it has to be.
  ///
  /// Which rule comes first decides what can be said shortly later, so several
  /// beginnings are tried.
  static func rules(for changes: [[NameAlignment.Step]]) -> [RenameRule]? {
    // No list of rules is much shorter than the list of what they replace.
    let least = Set(changes.flatMap { $0.filter { !$0.isSame } }).count
    let start = RuleSynthesis(changes)
    var best: [Candidate]?
    func take(_ rules: [Candidate]) { if Self.isBetter(rules, than: best) { best = rules } }
    var beginnings: [[Candidate]] = [[]]
    for order in Order.allCases { start.completed([], order).map(take) }
    for _ in 0..<beginningLength where best?.count ?? .max > least {
      var next: [(beginning: [Candidate], count: Int)] = []
      for beginning in beginnings {
        let state = start.after(beginning)
        for (candidate, _) in state.usable(.mostSteps).prefix(maximumChoiceCount) {
          guard let rules = start.completed(beginning + [candidate], .mostSteps) else { continue }
          take(rules)
          next.append((beginning + [candidate], rules.count))
        }
      }
      let sorted = next.enumerated().sorted { ($0.1.count, $0.0) < ($1.1.count, $1.0) }
      beginnings = sorted.prefix(2).map(\.1.beginning)
    }
    return best?.map(\.rule)
  }

  /// Which of the usable rules is taken first.
  private enum Order: CaseIterable { case shortest, mostSteps }

  /// Fewer rules, or as many shorter ones.
  private static func isBetter(_ rules: [Candidate], than others: [Candidate]?) -> Bool {
    guard let others else { return true }
    func length(_ rules: [Candidate]) -> Int { rules.reduce(0) { $0 + $1.length } }
    return (rules.count, length(rules)) < (others.count, length(others))
  }

  /// How many rules of the beginning are tried out, and how many for each place.
  private static let beginningLength = 3
  private static let maximumChoiceCount = 8

  private func after(_ rules: [Candidate]) -> RuleSynthesis {
    var copy = self
    for rule in rules { copy.apply(rule) }
    return copy
  }

  /// The rules with those that finish the names.
  private func completed(_ beginning: [Candidate], _ order: Order) -> [Candidate]? {
    var state = after(beginning)
    var rules = beginning
    while state.subjects.contains(where: { $0.isDone.contains(false) }) {
      guard let choice = state.usable(order).first?.0 else { return nil }
      state.apply(choice)
      rules.append(choice)
    }
    return rules
  }

  /// The rules that could be applied now, in the order in which they are tried.
  private func usable(_ order: Order) -> [(Candidate, Int)] {
    openCandidates().compactMap { candidate in
      effect(of: candidate).map { (candidate, $0, candidate.rule.description) }
    }.sorted { a, b in
      if order == .shortest, a.0.length != b.0.length { return a.0.length < b.0.length }
      if a.1 != b.1 { return a.1 > b.1 }
      if a.0.length != b.0.length { return a.0.length < b.0.length }
      return a.2 < b.2
    }.map { ($0.0, $0.1) }
  }

  /// The rules that could be meant by what is still to be done, each once.
  private func openCandidates() -> Set<Candidate> {
    var found: Set<Candidate> = []
    for subject in subjects {
      let open = subject.isDone.indices.filter { !subject.isDone[$0] }
      guard let first = open.first, let last = open.last else { continue }
      for step in open { found.formUnion(subject.candidates(for: step...step)) }
      if first < last {
        found.formUnion(subject.candidates(for: first...last))
        found.formUnion(subject.candidates(for: first...open[1]))
      }
    }
    return found
  }

  /// The number of steps that the rule would do; nil where it would change anything
  /// else.
  private func effect(of candidate: Candidate) -> Int? {
    var count = 0
    for subject in subjects {
      guard let steps = subject.steps(doneBy: candidate) else { return nil }
      count += steps.count
    }
    return count > 0 ? count : nil
  }

  private mutating func apply(_ candidate: Candidate) {
    for index in subjects.indices {
      for step in subjects[index].steps(doneBy: candidate) ?? [] {
        subjects[index].finish(step)
      }
    }
  }
}
