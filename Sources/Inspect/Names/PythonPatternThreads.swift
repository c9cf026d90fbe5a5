/// The places of a program that are reached at one place of a text, in the order of
/// their precedence, and what leads there.
///
/// Each place of the program is held once, however many ways lead to it: that is why
/// the time is in proportion to the text and the program.
struct PythonPatternThreads {
  typealias Step = PythonPatternProgram.Step

  /// The reached steps that read a character or accept, of the place that the text
  /// has got to.
  private(set) var reached: [Int] = []
  /// What the ways to them have noted, `slotCount` numbers each; -1 for nothing.
  private(set) var notes: [Int] = []

  private let steps: [Step]
  private let slotCount: Int
  /// The number that stands for no loop; see `follow`.
  private let noLoop: Int
  /// The same for the next place of the text, while it is being built.
  private var nextReached: [Int] = []
  private var nextNotes: [Int] = []
  /// The build in which a step was last seen, by step and loop.
  private var seen: [Int]
  /// The build in which a step was last added to `nextReached`.
  private var held: [Int]
  private var build = 1
  private var pending: [Work] = []
  /// The notes of the way that is being followed.
  private var slots: [Int]

  private enum Work {
    case follow(Int, loop: Int)
    /// Takes back a note, for the ways that branched off before it.
    case restore(Int, Int)
  }

  init(_ steps: [Step], loopDepth: Int = 0, slotCount: Int = 0) {
    self.steps = steps
    self.slotCount = slotCount
    noLoop = loopDepth
    seen = [Int](repeating: 0, count: steps.count * (loopDepth + 1))
    held = [Int](repeating: 0, count: steps.count)
    slots = [Int](repeating: -1, count: slotCount)
  }

  /// Goes on to the next place of the text, for which nothing is reached yet.
  mutating func turn() {
    swap(&reached, &nextReached)
    swap(&notes, &nextNotes)
    nextReached.removeAll(keepingCapacity: true)
    nextNotes.removeAll(keepingCapacity: true)
    build += 1
  }

  /// Whether nothing is reached at the next place so far.
  var isNextEmpty: Bool { nextReached.isEmpty }

  /// Forgets what is reached at this place and the next.
  mutating func removeAll() {
    turn()
    turn()
  }

  /// Adds the start of the program at a place of the text.
  mutating func start(at place: Int, in subject: borrowing PythonPatternSubject) {
    for slot in slots.indices { slots[slot] = -1 }
    if slotCount > 0 { slots[0] = place }
    follow(0, at: place, in: subject)
  }

  /// Adds what comes after the step that is reached as number `index`, which has
  /// read the character before `place` (after it, on the way backwards).
  mutating func advance(
    _ index: Int, to place: Int, in subject: borrowing PythonPatternSubject
  ) {
    for slot in slots.indices { slots[slot] = notes[index * slotCount + slot] }
    follow(reached[index] + 1, at: place, in: subject)
  }

  /// The notes of the step that is reached as number `index`.
  func notes(of index: Int) -> [Int] {
    Array(notes[index * slotCount..<(index + 1) * slotCount])
  }

  /// Adds the steps that `start` leads to without reading a character.
  ///
  /// Of the loops around a step, those whose pass began at this place are the inner
  /// ones; the depth of the outermost of them goes along as `loop`.
  private mutating func follow(
    _ start: Int, at place: Int, in subject: borrowing PythonPatternSubject
  ) {
    pending.append(.follow(start, loop: noLoop))
    while let work = pending.popLast() {
      switch work {
      case .restore(let slot, let value): slots[slot] = value
      case .follow(let position, let loop): run(position, loop, at: place, in: subject)
      }
    }
  }

  /// Follows one way until it reads a character or ends; others are put off.
  private mutating func run(
    _ start: Int, _ startLoop: Int, at place: Int, in subject: borrowing PythonPatternSubject
  ) {
    var (position, loop) = (start, startLoop)
    while true {
      let state = position * (noLoop + 1) + loop
      if seen[state] == build { return }
      seen[state] = build
      switch steps[position] {
      case .jump(let target): position = target
      case .split(let first, let second):
        pending.append(.follow(second, loop: loop))
        position = first
      case .enter(let depth):
        loop = min(loop, depth)
        position += 1
      case .leave(let depth):
        if loop >= depth { loop = noLoop }
        position += 1
      case .again(let depth, let next, let exit, let isLazy):
        if loop <= depth {
          position = exit
        } else if isLazy {
          pending.append(.follow(next, loop: depth))
          position = exit
        } else {
          pending.append(.follow(exit, loop: loop))
          (position, loop) = (next, depth)
        }
      case .save(let slot):
        note(place, in: slot)
        position += 1
      case .assertion(let assertion):
        guard subject.holds(assertion, at: place) else { return }
        position += 1
      case .look(let look, let isNegative):
        guard subject.looks[look][place] != isNegative else { return }
        position += 1
      case .scalar, .anyButLineFeed, .set, .accept: return hold(position)
      }
    }
  }

  private mutating func note(_ place: Int, in slot: Int) {
    guard slot < slotCount else { return }
    pending.append(.restore(slot, slots[slot]))
    slots[slot] = place
  }

  private mutating func hold(_ position: Int) {
    if held[position] == build { return }
    held[position] = build
    nextReached.append(position)
    nextNotes += slots
  }
}
