/// A regular expression as steps that are followed side by side.
struct PythonPatternProgram: Sendable {
  /// One step; the numbers are positions in the steps unless said otherwise.
  enum Step: Sendable, Hashable {
    case scalar(Unicode.Scalar)
    case anyButLineFeed
    /// One character of a set, by its position in `sets`.
    case set(Int)
    case assertion(PythonAssertion)
    /// Whether something does or does not lie ahead or behind, by its position in
    /// `looks`.
    case look(Int, isNegative: Bool)
    /// Goes on in both places, in the first with precedence.
    case split(Int, Int)
    case jump(Int)
    /// Notes the place in the text under a number.
    case save(Int)
    /// Begins the first pass of the loop with this depth.
    case enter(Int)
    /// Begins a further pass of a loop unless the last one read nothing; as Python
    /// has it, one that read nothing is the last.
    case again(depth: Int, next: Int, exit: Int, isLazy: Bool)
    /// Lies behind the last pass of a loop.
    case leave(Int)
    case accept
  }

  /// What has to lie ahead or behind; for ahead the steps read backwards, so that
  /// one pass over the text finds all places.
  struct Look: Sendable {
    let steps: [Step]
    let isBehind: Bool
  }

  let steps: [Step]
  let sets: [PythonScalarSet]
  /// Those within others come first.
  let looks: [Look]
  /// How deep loops lie in each other of which a pass can read nothing.
  let loopDepth: Int
  /// Whether a match can only lie at the start of the text.
  let isAtTextStart: Bool
  /// Which of the characters below 128 a match can start with, while any other can
  /// always start one; nil where a match can be empty.
  let starters: [Bool]?
}

extension PythonPatternProgram {
  /// The value of `starters` for these steps.
  static func starters(of steps: [Step], _ sets: [PythonScalarSet]) -> [Bool]? {
    var readers: Set<Step> = []
    var isSeen = [Bool](repeating: false, count: steps.count)
    var pending = [0]
    while let position = pending.popLast() {
      if isSeen[position] { continue }
      isSeen[position] = true
      switch steps[position] {
      case .scalar, .anyButLineFeed, .set: readers.insert(steps[position])
      case .split(let one, let other): pending += [one, other]
      case .jump(let target): pending.append(target)
      case .again(_, let next, let exit, _): pending += [next, exit]
      case .assertion, .look, .save, .enter, .leave: pending.append(position + 1)
      case .accept: return nil
      }
    }
    return (UInt8(0)..<128).map { value in
      readers.contains { $0.accepts(Unicode.Scalar(value), sets) }
    }
  }
}

extension PythonPatternProgram.Step {
  /// Whether this step reads the character.
  func accepts(_ scalar: Unicode.Scalar, _ sets: [PythonScalarSet]) -> Bool {
    switch self {
    case .scalar(let expected): scalar == expected
    case .anyButLineFeed: scalar != "\n"
    case .set(let position): sets[position].contains(scalar)
    default: false
    }
  }
}
