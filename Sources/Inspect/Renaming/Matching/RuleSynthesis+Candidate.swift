import Formats

extension RuleSynthesis {
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

extension RuleSynthesis.Subject {
  /// The rules for some steps of one name at once, from the shortest to the whole
  /// name.
  func candidates(for steps: ClosedRange<Int>) -> [RuleSynthesis.Candidate] {
    let start = starts[steps.lowerBound]
    let end = self.end(of: steps.upperBound)
    let new = self.new(steps)
    var found: [RuleSynthesis.Candidate] = []
    func add(_ from: Int, _ to: Int) {
      guard from >= 0, to <= parts.count, to > from || from == 0 else { return }
      let pattern = parts[from..<to].map(\.part)
      // A number alone in a pattern would be any number.
      guard pattern.isEmpty || pattern.contains(where: { $0.word != nil }) else { return }
      found.append(
        RuleSynthesis.Candidate(
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
}
