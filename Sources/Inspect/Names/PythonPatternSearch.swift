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
        guard let next = begin(at: place, isFirst: place == start, extent) else { return nil }
        place = next
      }
      threads.turn()
      let mayEnd =
        (extent != .whole || place == subject.text.count) && (!isMoving || place != start)
      // A later one is of higher precedence: the others were dropped when it was found.
      found = step(at: place, mayEnd: mayEnd) ?? found
      if place == subject.text.count || (found != nil && threads.isNextEmpty) { return found }
      place += 1
    }
  }

  /// Lets matches begin at `place`, or at the next place where one can if nothing
  /// else is under way; nil where there is none.
  private mutating func begin(at place: Int, isFirst: Bool, _ extent: Extent) -> Int? {
    var place = place
    if !isFirst {
      guard extent == .anywhere else { return threads.isNextEmpty ? nil : place }
      if threads.isNextEmpty {
        guard let next = nextStart(from: place) else { return nil }
        // What failed at one place may hold at another.
        if next != place { threads.removeAll() }
        place = next
      }
    }
    if canStart(at: place) { threads.start(at: place, in: subject) }
    return place
  }

  /// Reads the character at `place`; what accepts before it drops what comes after.
  private mutating func step(at place: Int, mayEnd: Bool) -> [Int]? {
    let scalar = place < subject.text.count ? subject.text[place] : nil
    for index in threads.reached.indices {
      let step = program.steps[threads.reached[index]]
      if step == .accept, mayEnd {
        var notes = threads.notes(of: index)
        if !notes.isEmpty { notes[1] = place }
        return notes
      }
      if let scalar, step.accepts(scalar, program.sets) {
        threads.advance(index, to: place + 1, in: subject)
      }
    }
    return nil
  }

  private func canStart(at place: Int) -> Bool {
    if program.isAtTextStart, place > 0 { return false }
    guard let starters = program.starters else { return true }
    guard place < subject.text.count else { return false }
    let scalar = subject.text[place]
    return !scalar.isASCII || starters[Int(scalar.value)]
  }

  /// The first place from `place` on where a match can start.
  private func nextStart(from place: Int) -> Int? {
    if program.isAtTextStart, place > 0 { return nil }
    return (place...subject.text.count).first { canStart(at: $0) }
  }
}
