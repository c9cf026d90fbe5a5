extension RuleSynthesis {
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
}

extension RuleSynthesis.Subject {
  /// The steps that the rule does in a name; nil where it does anything else.
  func steps(doneBy candidate: RuleSynthesis.Candidate) -> [Int]? {
    guard candidate.pattern.count <= parts.count else { return [] }
    var done: [Int] = []
    var index = 0
    while index + candidate.pattern.count <= parts.count {
      defer { index += 1 }
      if candidate.isAtStart, index > 0 { break }
      guard candidate.matches(parts, at: index) else { continue }
      let place = index + candidate.change.lowerBound..<index + candidate.change.upperBound
      guard let steps = self.steps(at: place), new(steps) == candidate.new
      else { return nil }
      done += steps.filter { !isDone[$0] }
    }
    return done
  }

  /// The steps that fill exactly `place`, the first and the last still to be done.
  private func steps(at place: Range<Int>) -> ClosedRange<Int>? {
    let open = isDone.indices.filter { !isDone[$0] }
    for first in open where starts[first] == place.lowerBound {
      for last in open where last >= first && end(of: last) == place.upperBound {
        return first...last
      }
    }
    return nil
  }
}
