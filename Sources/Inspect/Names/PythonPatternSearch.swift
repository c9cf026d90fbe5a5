/// Looks for a pattern in one text, as often as needed.
struct PythonPatternSearch {
  /// Where a match may lie.
  enum Extent {
    /// From the start of the search on.
    case prefix
    /// From the start of the search to the end of the text.
    case whole
    /// Anywhere after the start of the search.
    case anywhere
  }

  let subject: PythonPatternSubject
  private let program: PythonPatternProgram
  private var threads: PythonPatternThreads

  /// With no slots, a search only tells whether there is a match.
  init(_ program: PythonPatternProgram, in text: [Unicode.Scalar], slotCount: Int) {
    self.program = program
    subject = PythonPatternSubject(text, program)
    threads = PythonPatternThreads(
      program.steps, loopDepth: program.loopDepth, slotCount: slotCount)
  }

  /// The notes of the first match, as Python orders them; nil where there is none.
  ///
  /// With `isMoving`, an empty match at the start does not count.
  mutating func match(
    from start: Int, _ extent: Extent, isMoving: Bool = false
  ) -> [Int]? {
    threads.removeAll()
    var found: [Int]?
    var place = start
    while true {
      if found == nil {
        if place > start, threads.isNextEmpty {
          guard extent == .anywhere, let next = nextStart(after: place) else { return nil }
          place = next
        }
        if place == start || extent == .anywhere, canStart(at: place) {
          threads.start(at: place, in: subject)
        }
      }
      threads.turn()
      let isAccepted =
        (extent != .whole || place == subject.text.count)
        && (!isMoving || place != start)
      for index in threads.reached.indices {
        let step = program.steps[threads.reached[index]]
        if step == .accept {
          guard isAccepted else { continue }
          found = threads.notes(of: index)
          if found?.isEmpty == false { found?[1] = place }
          break
        }
        guard place < subject.text.count, step.accepts(subject.text[place], program.sets)
        else { continue }
        threads.advance(index, to: place + 1, in: subject)
      }
      if place == subject.text.count || (found != nil && threads.isNextEmpty) { return found }
      place += 1
    }
  }

  private func canStart(at place: Int) -> Bool {
    if program.isAtTextStart, place > 0 { return false }
    guard let starters = program.starters else { return true }
    guard place < subject.text.count else { return false }
    let scalar = subject.text[place]
    return !scalar.isASCII || starters[Int(scalar.value)]
  }

  /// The first place from `place` on where a match can start.
  private func nextStart(after place: Int) -> Int? {
    if program.isAtTextStart, place > 0 { return nil }
    return (place...subject.text.count).first { canStart(at: $0) }
  }
}
