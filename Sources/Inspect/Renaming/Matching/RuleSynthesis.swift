import Formats

/// Writes changes of names as few rules, each as short as it can be.
///
/// A rule is taken only if it changes exactly what has to change in every name, at
/// the time when it is applied.
struct RuleSynthesis {
  /// A name on its way: its steps, and which of them are done.
  struct Subject {
    let steps: [NameAlignment.Step]
    private(set) var isDone: [Bool]
    /// The parts of the name as it is by now, each with its step.
    private(set) var parts: [(part: NamePart, step: Int)] = []
    /// Where the parts of each step begin.
    private(set) var starts: [Int] = []

    init(_ steps: [NameAlignment.Step]) {
      self.steps = steps
      isDone = steps.map(\.isSame)
      update()
    }

    /// Where the parts of a step end.
    func end(of step: Int) -> Int { step + 1 < starts.count ? starts[step + 1] : parts.count }

    /// What some steps come to when they are done.
    func new(_ steps: ClosedRange<Int>) -> [NamePart] { self.steps[steps].flatMap(\.new) }

    mutating func finish(_ step: Int) {
      isDone[step] = true
      update()
    }

    private mutating func update() {
      parts = []
      starts = []
      for index in steps.indices {
        starts.append(parts.count)
        for part in isDone[index] ? steps[index].new : steps[index].old {
          parts.append((part, index))
        }
      }
    }
  }

  /// A rule for whole parts of names.
  struct Candidate: Hashable {
    let pattern: [NamePart]
    let replacement: [NamePart]
    let isAtStart: Bool
    let isAtEnd: Bool
    /// The place of the change in the pattern and in the replacement.
    let change: Range<Int>
    let new: [NamePart]

    var length: Int { pattern.count * 2 + (isAtEnd ? 1 : 0) }
  }

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
      for step in open { found.formUnion(Self.candidates(subject, step...step)) }
      if first < last {
        found.formUnion(Self.candidates(subject, first...last))
        found.formUnion(Self.candidates(subject, first...open[1]))
      }
    }
    return found
  }

  /// The rules for some steps of one name at once, from the shortest to the whole
  /// name.
  private static func candidates(_ subject: Subject, _ steps: ClosedRange<Int>) -> [Candidate] {
    let parts = subject.parts
    let start = subject.starts[steps.lowerBound]
    let end = subject.end(of: steps.upperBound)
    let new = subject.new(steps)
    var found: [Candidate] = []
    func add(_ from: Int, _ to: Int) {
      guard from >= 0, to <= parts.count, to > from || from == 0 else { return }
      let pattern = parts[from..<to].map(\.part)
      // A number alone in a pattern would be any number.
      guard pattern.isEmpty || pattern.contains(where: { $0.word != nil }) else { return }
      found.append(
        Candidate(
          pattern: pattern,
          replacement: Array(pattern[..<(start - from)]) + new + pattern[(end - from)...],
          isAtStart: from == 0, isAtEnd: to == parts.count && to > from,
          change: start - from..<end - from, new: new))
    }
    let isInsertion = start == end
    if !isInsertion || start == 0 { add(start, end) }
    add(start, end + 1)
    add(start - 1, end)
    add(start - 1, end + 1)
    add(start, end + 2)
    add(start - 2, end)
    add(0, end)
    add(0, end + 1)
    add(0, parts.count)
    return found
  }

  /// The number of steps that the rule would do; nil where it would change anything
  /// else.
  private func effect(of candidate: Candidate) -> Int? {
    var count = 0
    for subject in subjects {
      guard let steps = Self.steps(doneBy: candidate, in: subject) else { return nil }
      count += steps.count
    }
    return count > 0 ? count : nil
  }

  private mutating func apply(_ candidate: Candidate) {
    for index in subjects.indices {
      for step in Self.steps(doneBy: candidate, in: subjects[index]) ?? [] {
        subjects[index].finish(step)
      }
    }
  }

  /// The steps that the rule does in a name; nil where it does anything else.
  private static func steps(doneBy candidate: Candidate, in subject: Subject) -> [Int]? {
    let parts = subject.parts
    guard candidate.pattern.count <= parts.count else { return [] }
    var done: [Int] = []
    var index = 0
    while index + candidate.pattern.count <= parts.count {
      defer { index += 1 }
      if candidate.isAtStart, index > 0 { break }
      guard candidate.matches(parts, at: index) else { continue }
      let place = index + candidate.change.lowerBound..<index + candidate.change.upperBound
      guard let steps = Self.steps(at: place, in: subject), subject.new(steps) == candidate.new
      else { return nil }
      done += steps.filter { !subject.isDone[$0] }
    }
    return done
  }

  /// The steps that fill exactly `place`, the first and the last still to be done.
  private static func steps(at place: Range<Int>, in subject: Subject) -> ClosedRange<Int>? {
    let open = subject.isDone.indices.filter { !subject.isDone[$0] }
    for first in open where subject.starts[first] == place.lowerBound {
      for last in open where last >= first && subject.end(of: last) == place.upperBound {
        return first...last
      }
    }
    return nil
  }
}

extension RuleSynthesis.Candidate {
  func matches(_ parts: [(part: NamePart, step: Int)], at index: Int) -> Bool {
    // Within a name there is a dot on either side.
    guard isAtStart == (index == 0) else { return false }
    guard isAtEnd == (index + pattern.count == parts.count) || pattern.isEmpty else {
      return false
    }
    return pattern.indices.allSatisfy { pattern[$0] == parts[index + $0].part }
  }

  /// The rule as a regular expression.
  var rule: RenameRule {
    var number = 0
    let expression = pattern.map { part -> String in
      part.word.map(RenameRule.escaped) ?? "(\\d+)"
    }.joined(separator: "\\.")
    let text = replacement.map { part -> String in
      if let word = part.word { return RenameRule.escapedReplacement(word) }
      number += 1
      return "\\g<\(number)>"
    }.joined(separator: ".")
    let lead = isAtStart ? "^" : "\\."
    let tail = isAtEnd ? "$" : pattern.isEmpty ? "" : "\\."
    // At the start an empty pattern takes no dot with it.
    let newLead = isAtStart || (isAtEnd && replacement.isEmpty) ? "" : "."
    let newTail = isAtEnd || replacement.isEmpty ? "" : "."
    return RenameRule(checked: lead + expression + tail, newLead + text + newTail)
  }
}
