extension PickleMachine {
  /// Does what an opcode does.
  mutating func perform(_ effect: PickleOpcode.Effect, _ argument: Argument)
    throws(CheckpointError)
  {
    switch effect {
    case .stop: break
    case .protocol: try checkProtocol(argument.number)
    case .frame: try checkFrame(argument.number)
    case .mark: try pushMark()
    case .pop: try popOne()
    case .popMark: try dropToMark()
    case .duplicate: try push(top())
    case .pushNone: try push(Shared.none)
    case .pushTrue: try push(Shared.true)
    case .pushFalse: try push(Shared.false)
    case .pushInteger: try push(argument.number)
    case .pushLong: try pushLong(argument.range)
    case .pushIntegerLine, .pushLongLine: try pushIntegerLine(argument.range)
    case .pushFloat:
      try push(.float(Double(bitPattern: UInt64(bitPattern: Int64(argument.number)))))
    case .pushFloatLine: try pushFloatLine(argument.range)
    case .pushText: try pushText(argument.range)
    case .pushOldText: try pushOldText(argument.range)
    case .pushBytes: try push(.bytes(start: argument.range.start32, count: argument.range.count32))
    case .pushQuotedLine: try pushQuotedLine(argument.range)
    case .pushEscapedLine: try pushEscapedLine(argument.range)
    case .emptyTuple: try push(Shared.emptyTuple)
    case .emptyList: try push(.list(container([])))
    case .emptyDictionary: try push(.dictionary(container([])))
    case .emptySet: try push(.set(container([])))
    case .tuple(let count): try push(tuple(pop(count)))
    case .tupleToMark: try push(tuple(popToMark()))
    case .listToMark: try push(.list(container(popToMark())))
    case .dictionaryToMark: try push(.dictionary(container(pairs(popToMark()))))
    case .frozenSetToMark: try push(.set(container(popToMark())))
    case .append: try append([pop()])
    case .appends: try append(popToMark())
    case .setItem: try setItems(pop(2))
    case .setItems: try setItems(pairs(popToMark()))
    case .addItems: try append(popToMark())
    case .global: try push(global(text(argument.range), text(argument.second)))
    case .stackGlobal: try stackGlobal()
    case .extension: try push(global("copyreg", "extension \(argument.number)"))
    case .reduce: try reduce()
    case .newObject: try reduce()
    case .newObjectEx: try newObjectEx()
    case .instance: try instance(argument)
    case .object: try object()
    case .build: try build()
    case .persistent: try pushPersistent(pop())
    case .persistentLine: try persistentLine(argument.range)
    case .put: try store(at: argument.number)
    case .putLine: try store(at: memoIndex(argument.range))
    case .memoize: try store(at: memo.count)
    case .get: try fetch(argument.number)
    case .getLine: try fetch(memoIndex(argument.range))
    case .nextBuffer: try push(.buffer)
    case .readOnlyBuffer: _ = try top()
    }
  }

  private func checkProtocol(_ number: Int) throws(CheckpointError) {
    guard number <= Self.maximumProtocol else {
      throw fault("names protocol \(number); at most \(Self.maximumProtocol) is known")
    }
  }

  // Frames only help reading ahead. One that cannot be is a sign of a pickle
  // that programs read differently.
  private func checkFrame(_ count: Int) throws(CheckpointError) {
    guard count <= source.remaining else {
      throw fault("claims \(count) bytes, but only \(source.remaining) are left")
    }
  }
}

// The stack.
extension PickleMachine {
  mutating func push(_ node: Pickle.Node) throws(CheckpointError) {
    guard stack.count < Self.maximumNodes else {
      throw fault("grows the stack beyond \(Self.maximumNodes) values")
    }
    stack.append(node)
  }

  mutating func push(_ value: Pickle.Value) throws(CheckpointError) {
    try push(add(value))
  }

  mutating func push(_ integer: Int) throws(CheckpointError) {
    if Shared.smallIntegers.contains(integer) {
      try push(Shared.integer(integer))
    } else {
      try push(.integer(integer))
    }
  }

  /// A new node of the arena.
  mutating func add(_ value: Pickle.Value) throws(CheckpointError) -> Pickle.Node {
    guard pickle.values.count < Self.maximumNodes else {
      throw fault("makes more than \(Self.maximumNodes) values")
    }
    pickle.values.append(value)
    return Pickle.Node(pickle.values.count - 1)
  }

  /// The position in the stack below which the current mark forbids to go.
  private var floor: Int { marks.last ?? 0 }

  func top() throws(CheckpointError) -> Pickle.Node {
    guard stack.count > floor, let node = stack.last else {
      throw fault("needs a value on the stack, but there is none")
    }
    return node
  }

  mutating func pop() throws(CheckpointError) -> Pickle.Node {
    let node = try top()
    stack.removeLast()
    return node
  }

  mutating func pop(_ count: Int) throws(CheckpointError) -> [Pickle.Node] {
    guard stack.count - floor >= count else {
      throw fault("needs \(count) values on the stack, but there are \(stack.count - floor)")
    }
    defer { stack.removeLast(count) }
    return Array(stack.suffix(count))
  }

  private mutating func pushMark() throws(CheckpointError) {
    guard marks.count < Self.maximumMarks else {
      throw fault("sets more than \(Self.maximumMarks) marks")
    }
    marks.append(stack.count)
  }

  mutating func popToMark() throws(CheckpointError) -> [Pickle.Node] {
    guard let mark = marks.popLast() else { throw fault("needs a mark, but there is none") }
    defer { stack.removeLast(stack.count - mark) }
    return Array(stack[mark...])
  }

  private mutating func dropToMark() throws(CheckpointError) {
    guard let mark = marks.popLast() else { throw fault("needs a mark, but there is none") }
    stack.removeLast(stack.count - mark)
  }

  // Python lets POP take a mark away.
  private mutating func popOne() throws(CheckpointError) {
    if stack.count == floor, !marks.isEmpty {
      marks.removeLast()
    } else {
      _ = try pop()
    }
  }
}

// The memo.
extension PickleMachine {
  private mutating func store(at index: Int) throws(CheckpointError) {
    guard memo.store(try top(), at: index) else {
      throw fault("grows the memo beyond its limit")
    }
  }

  private mutating func fetch(_ index: Int) throws(CheckpointError) {
    guard let node = memo[index] else { throw fault("asks for memo \(index), which is not set") }
    try push(node)
  }

  private func memoIndex(_ range: Range<Int>) throws(CheckpointError) -> Int {
    guard let index = UInt32(text(range)) else {
      throw fault("has \(text(range).quoted) where a memo number is expected")
    }
    return Int(index)
  }
}

extension Range<Int> {
  // A pickle in memory has fewer than 2^31 bytes.
  var start32: Int32 { Int32(truncatingIfNeeded: lowerBound) }
  var count32: Int32 { Int32(truncatingIfNeeded: count) }
}
