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
  }

  private var subjects: [Subject]

  init(_ changes: [[NameAlignment.Step]]) { subjects = changes.map(Subject.init) }

  /// The rules, or nil where no order of rules gives every name what it has to be.
  static func rules(for changes: [[NameAlignment.Step]]) -> [RenameRule]? {
    let start = RuleSynthesis(changes)
    // No list of rules is shorter than the list of what they replace.
    let least = Set(changes.flatMap { $0.filter { !$0.isSame } }).count
    var best: [Candidate]?
    for order in Order.allCases {
      var attempt = start
      guard let rules = attempt.solve(by: order) else { continue }
      if rules.count < best?.count ?? .max { best = rules }
      if rules.count <= least { break }
    }
    return best?.map(\.rule)
  }

  /// What is tried first; which way needs the fewest rules is not known before.
  private enum Order: CaseIterable {
    case mostNames, fewestNames, shortest, startsFirst, startsLast
  }

  private mutating func solve(by order: Order) -> [Candidate]? {
    var rules: [Candidate] = []
    while true {
      let candidates = openCandidates()
      if candidates.isEmpty { return rules }
      let usable = candidates.compactMap { candidate -> (Candidate, Int)? in
        effect(of: candidate).map { (candidate, $0) }
      }
      guard let choice = usable.min(by: { Self.precedes($0, $1, order) }) else { return nil }
      apply(choice.0)
      rules.append(choice.0)
    }
  }

  private static func precedes(_ a: (Candidate, Int), _ b: (Candidate, Int), _ order: Order) -> Bool
  {
    func key(_ entry: (Candidate, Int)) -> [Int] {
      let (candidate, count) = entry
      let length = candidate.pattern.count * 2 + (candidate.isAtEnd ? 1 : 0)
      let start = candidate.isAtStart ? 0 : 1
      return switch order {
      case .mostNames: [-count, length, start]
      case .fewestNames: [count, length, start]
      case .shortest: [length, -count, start]
      case .startsFirst: [start, -count, length]
      case .startsLast: [1 - start, -count, length]
      }
    }
    let (first, second) = (key(a), key(b))
    if first != second { return first.lexicographicallyPrecedes(second) }
    return a.0.rule.description < b.0.rule.description
  }

  /// The rules that could be meant by what is still to be done, each once.
  private func openCandidates() -> Set<Candidate> {
    var found: Set<Candidate> = []
    for subject in subjects {
      guard let step = subject.isDone.firstIndex(of: false) else { continue }
      for step in step..<subject.steps.count where !subject.isDone[step] {
        found.formUnion(Self.candidates(subject, step))
      }
    }
    return found
  }

  /// The rules for one step of one name, from the shortest to the whole name.
  private static func candidates(_ subject: Subject, _ step: Int) -> [Candidate] {
    let parts = subject.parts
    let start = subject.starts[step]
    let end = start + subject.steps[step].old.count
    var found: [Candidate] = []
    func add(_ from: Int, _ to: Int) {
      guard from >= 0, to <= parts.count, to > from || from == 0 else { return }
      let pattern = parts[from..<to].map(\.part)
      // A number alone in a pattern would be any number.
      guard pattern.isEmpty || pattern.contains(where: { $0.word != nil }) else { return }
      let new = subject.steps[step].new
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
      guard let step = step(at: place, in: subject),
        subject.steps[step].new == candidate.new
      else { return nil }
      done.append(step)
    }
    return done
  }

  /// The step still to be done that fills exactly `place`.
  private static func step(
    at place: Range<Int>, in subject: Subject
  ) -> Int? {
    for step in subject.steps.indices where !subject.isDone[step] {
      let start = subject.starts[step]
      if place == start..<start + subject.steps[step].old.count { return step }
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
