/// Turns a regular expression into its program.
struct PythonPatternCompiler {
  typealias Step = PythonPatternProgram.Step

  private var steps: [Step] = []
  private var sets: [PythonScalarSet] = []
  private var setPositions: [PythonScalarSet: Int] = [:]
  private var looks: [PythonPatternProgram.Look] = []
  /// The number of steps outside of `steps`.
  private var stepsElsewhere = 0
  private var loopDepth = 0
  /// Whether the steps are for `(?=…)` and the like: nothing is noted, and which
  /// way leads to a match does not matter.
  private var isLook = false
  private var isBackward = false

  static func compile(
    _ tree: PythonPatternTree
  ) throws(PythonPatternFault) -> PythonPatternProgram {
    var compiler = PythonPatternCompiler()
    try compiler.emit(tree, depth: 0)
    try compiler.append(.accept)
    return PythonPatternProgram(
      steps: compiler.steps, sets: compiler.sets, looks: compiler.looks,
      loopDepth: compiler.loopDepth, isAtTextStart: tree.isAtTextStart,
      starters: PythonPatternProgram.starters(of: compiler.steps, compiler.sets))
  }

  /// `depth` is the number of loops around the tree of which a pass can be empty.
  private mutating func emit(
    _ tree: PythonPatternTree, depth: Int
  ) throws(PythonPatternFault) {
    switch tree {
    case .scalar(let scalar): try append(.scalar(scalar))
    case .anyButLineFeed: try append(.anyButLineFeed)
    case .set(let set): try append(.set(position(of: set)))
    case .assertion(let assertion): try append(.assertion(assertion))
    case .sequence(let parts):
      for part in isBackward ? parts.reversed() : parts { try emit(part, depth: depth) }
    case .alternatives(let branches): try alternatives(branches, depth: depth)
    case .group(let number, let body):
      if isLook { return try emit(body, depth: depth) }
      try append(.save(2 * number))
      try emit(body, depth: depth)
      try append(.save(2 * number + 1))
    case .repetition(let body, let times): try repetition(body, times, depth: depth)
    case .look(let body, let look): try self.look(body, look)
    }
  }

  private mutating func alternatives(
    _ branches: [PythonPatternTree], depth: Int
  ) throws(PythonPatternFault) {
    var exits: [Int] = []
    for branch in branches.dropLast() {
      let split = try placeholder()
      try emit(branch, depth: depth)
      exits.append(try placeholder())
      steps[split] = .split(split + 1, steps.count)
    }
    if let last = branches.last { try emit(last, depth: depth) }
    for exit in exits { steps[exit] = .jump(steps.count) }
  }

  private mutating func repetition(
    _ body: PythonPatternTree, _ times: PythonRepetition, depth: Int
  ) throws(PythonPatternFault) {
    // An empty pass has to be told from others only where it could be repeated.
    let isTracked =
      !isLook && body.width.least == 0 && times.maximum.map { $0 - times.minimum > 1 } ?? true
    var start = steps.count
    for _ in 0..<times.minimum {
      start = steps.count
      try emit(body, depth: depth)
      // What takes no steps takes none the next time.
      if steps.count == start { return }
    }
    guard let maximum = times.maximum else {
      if isTracked { return try trackedLoop(body, times, depth: depth) }
      return times.minimum > 0
        ? try append(branch(start, steps.count + 1, times)) : try loop(body, times, depth: depth)
    }
    try options(
      body, times, count: maximum - times.minimum, isTracked: isTracked, depth: depth)
  }

  /// Any number of passes, each of which reads something or need not be noted.
  private mutating func loop(
    _ body: PythonPatternTree, _ times: PythonRepetition, depth: Int
  ) throws(PythonPatternFault) {
    let start = try placeholder()
    try emit(body, depth: depth)
    try append(.jump(start))
    steps[start] = branch(start + 1, steps.count, times)
  }

  private mutating func trackedLoop(
    _ body: PythonPatternTree, _ times: PythonRepetition, depth: Int
  ) throws(PythonPatternFault) {
    loopDepth = max(loopDepth, depth + 1)
    let start = try placeholder()
    try append(.enter(depth))
    try emit(body, depth: depth + 1)
    try append(.again(depth: depth, next: start + 2, exit: steps.count + 1, isLazy: times.isLazy))
    steps[start] = branch(start + 1, steps.count, times)
    try append(.leave(depth))
  }

  /// Up to `count` passes.
  private mutating func options(
    _ body: PythonPatternTree, _ times: PythonRepetition, count: Int, isTracked: Bool, depth: Int
  ) throws(PythonPatternFault) {
    var decisions: [Int] = []
    if isTracked { loopDepth = max(loopDepth, depth + 1) }
    for _ in 0..<count {
      decisions.append(try placeholder())
      if isTracked, decisions.count == 1 { try append(.enter(depth)) }
      let start = steps.count
      try emit(body, depth: isTracked ? depth + 1 : depth)
      if steps.count == start { break }
    }
    for (number, decision) in decisions.enumerated() {
      steps[decision] =
        isTracked && number > 0
        ? .again(depth: depth, next: decision + 1, exit: steps.count, isLazy: times.isLazy)
        : branch(decision + 1, steps.count, times)
    }
    if isTracked { try append(.leave(depth)) }
  }

  /// Tries another pass first, or last.
  private func branch(_ pass: Int, _ exit: Int, _ times: PythonRepetition) -> Step {
    times.isLazy ? .split(exit, pass) : .split(pass, exit)
  }

  private mutating func look(
    _ body: PythonPatternTree, _ look: PythonLook
  ) throws(PythonPatternFault) {
    let outer = (steps, isLook, isBackward)
    stepsElsewhere += steps.count
    (steps, isLook, isBackward) = ([], true, !look.isBehind)
    try emit(body, depth: 0)
    try append(.accept)
    looks.append(.init(steps: steps, isBehind: look.isBehind))
    stepsElsewhere += steps.count - outer.0.count
    (steps, isLook, isBackward) = outer
    try append(.look(looks.count - 1, isNegative: look.isNegative))
  }

  private mutating func position(of set: PythonScalarSet) -> Int {
    if let known = setPositions[set] { return known }
    setPositions[set] = sets.count
    sets.append(set)
    return sets.count - 1
  }

  /// Makes room for a step whose targets are not known yet.
  private mutating func placeholder() throws(PythonPatternFault) -> Int {
    try append(.accept)
    return steps.count - 1
  }

  private mutating func append(_ step: Step) throws(PythonPatternFault) {
    guard steps.count + stepsElsewhere < PythonPattern.maximumStepCount else {
      throw PythonPatternFault(
        .tooLarge("takes more than \(PythonPattern.maximumStepCount) steps; no more are taken"))
    }
    steps.append(step)
  }
}
