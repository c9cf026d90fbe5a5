/// A text that a program is run on, and where what it looks for ahead and behind is.
struct PythonPatternSubject {
  let text: [Unicode.Scalar]
  /// For each look of the program whether it finds something, by place; a place is
  /// the number of characters before it.
  private(set) var looks: [[Bool]] = []

  init(_ text: [Unicode.Scalar], _ program: PythonPatternProgram) {
    self.text = text
    for look in program.looks { looks.append(places(of: look, program.sets)) }
  }

  /// One pass over the text that starts the steps anew at every place.
  private func places(of look: PythonPatternProgram.Look, _ sets: [PythonScalarSet]) -> [Bool] {
    var result = [Bool](repeating: false, count: text.count + 1)
    var threads = PythonPatternThreads(look.steps)
    for distance in 0...text.count {
      let place = look.isBehind ? distance : text.count - distance
      threads.start(at: place, in: self)
      threads.turn()
      result[place] = threads.reached.contains { look.steps[$0] == .accept }
      guard distance < text.count else { break }
      let scalar = look.isBehind ? text[place] : text[place - 1]
      let next = look.isBehind ? place + 1 : place - 1
      for index in threads.reached.indices
      where look.steps[threads.reached[index]].accepts(scalar, sets) {
        threads.advance(index, to: next, in: self)
      }
    }
    return result
  }

  func holds(_ assertion: PythonAssertion, at place: Int) -> Bool {
    switch assertion {
    case .textStart: place == 0
    case .textEnd: place == text.count
    case .lineEnd:
      place == text.count || (place == text.count - 1 && text[place] == "\n")
    case .wordBoundary: isWordBoundary(place)
    // As in Python before 3.14, it does not hold in the empty text.
    case .notWordBoundary: !text.isEmpty && !isWordBoundary(place)
    }
  }

  private func isWordBoundary(_ place: Int) -> Bool {
    (place > 0 && text[place - 1].isPythonWord)
      != (place < text.count && text[place].isPythonWord)
  }
}
