// Containers.
extension PickleMachine {
  private mutating func count(_ items: Int) throws(CheckpointError) {
    itemCount += items
    guard itemCount <= Self.maximumItems else {
      throw fault("puts more than \(Self.maximumItems) items into containers")
    }
  }

  /// A new container; its position.
  mutating func container(_ items: [Pickle.Node]) throws(CheckpointError) -> Int32 {
    guard pickle.containers.count < Self.maximumContainers else {
      throw fault("makes more than \(Self.maximumContainers) containers")
    }
    try count(items.count)
    pickle.containers.append(items)
    return Int32(pickle.containers.count - 1)
  }

  mutating func tuple(_ items: [Pickle.Node]) throws(CheckpointError) -> Pickle.Value {
    try count(items.count)
    defer { pickle.tupleItems += items }
    return .tuple(start: Int32(pickle.tupleItems.count), count: Int32(items.count))
  }

  func pairs(_ items: [Pickle.Node]) throws(CheckpointError) -> [Pickle.Node] {
    guard items.count % 2 == 0 else {
      throw fault("needs keys and values in turn, but found \(items.count) values")
    }
    return items
  }

  mutating func append(_ items: [Pickle.Node]) throws(CheckpointError) {
    let target = try top()
    switch pickle[target] {
    case .list(let container), .set(let container): try extend(container, with: items)
    case .call: try extend(containerOfCall(target, \.itemsOfCall), with: items)
    default: throw fault("needs a list or a set, but found \(pickle.kind(target))")
    }
  }

  mutating func setItems(_ items: [Pickle.Node]) throws(CheckpointError) {
    let target = try top()
    switch pickle[target] {
    case .dictionary(let container): try extend(container, with: items)
    case .call: try extend(containerOfCall(target, \.entriesOfCall), with: items)
    default: throw fault("needs a dictionary, but found \(pickle.kind(target))")
    }
  }

  private mutating func extend(_ container: Int32, with items: [Pickle.Node])
    throws(CheckpointError)
  {
    try count(items.count)
    pickle.containers[Int(container)] += items
  }

  /// The container in `table` that belongs to the result of a call.
  private mutating func containerOfCall(
    _ node: Pickle.Node, _ table: WritableKeyPath<Pickle, [Pickle.Node: Int32]>
  ) throws(CheckpointError) -> Int32 {
    if let container = pickle[keyPath: table][node] { return container }
    let container = try container([])
    pickle[keyPath: table][node] = container
    return container
  }
}

// Numbers.
extension PickleMachine {
  mutating func pushLong(_ range: Range<Int>) throws(CheckpointError) {
    let bytes = source.bytes[range]
    guard let last = bytes.last else { return try push(0) }
    let filler: UInt8 = last & 0x80 == 0 ? 0 : 0xFF
    let significant = bytes.prefix(8)
    let isFilled = bytes.dropFirst(8).allSatisfy { $0 == filler }
    guard bytes.count <= 8 || isFilled && (significant.last ?? 0) & 0x80 == last & 0x80 else {
      return try push(.wideInteger(start: range.start32, count: range.count32))
    }
    let start: UInt64 = filler == 0 ? 0 : .max
    let pattern = significant.reversed().reduce(start) { $0 << 8 | UInt64($1) }
    try push(Int(truncatingIfNeeded: pattern))
  }

  mutating func pushIntegerLine(_ range: Range<Int>) throws(CheckpointError) {
    var digits = text(range)
    switch digits {
    case "00": return try push(Shared.false)
    case "01": return try push(Shared.true)
    default: break
    }
    if digits.hasSuffix("L") { digits.removeLast() }
    if let value = Int(digits) { return try push(value) }
    let magnitude = digits.drop { $0 == "-" || $0 == "+" }
    guard !magnitude.isEmpty, magnitude.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else {
      throw fault("has \(digits.quoted) where an integer is expected")
    }
    try push(.wideInteger(start: range.start32, count: range.count32))
  }

  mutating func pushFloatLine(_ range: Range<Int>) throws(CheckpointError) {
    guard let value = Double(text(range)) else {
      throw fault("has \(text(range).quoted) where a number is expected")
    }
    try push(.float(value))
  }
}

// Globals, calls and objects: names and pairs, nothing more.
extension PickleMachine {
  mutating func global(_ module: String, _ name: String) throws(CheckpointError) -> Pickle.Value {
    try checkName(max(module.utf8.count, name.utf8.count))
    let key = "\(module)\n\(name)"
    if let position = globalPositions[key] { return .global(position) }
    guard pickle.globals.count < Self.maximumGlobals else {
      throw fault("names more than \(Self.maximumGlobals) globals")
    }
    let position = Int32(pickle.globals.count)
    pickle.globals.append(TorchGlobal(module: module, name: name))
    globalPositions[key] = position
    return .global(position)
  }

  mutating func stackGlobal() throws(CheckpointError) {
    let names = try pop(2)
    let key = UInt64(UInt32(names[0])) << 32 | UInt64(UInt32(names[1]))
    if let known = globalsOfNames[key] { return try push(known) }
    // A name that is itself the result of a call is known to nobody beforehand.
    let module = try globalName(names[0]) ?? TorchGlobal.computed
    let name = try globalName(names[1]) ?? TorchGlobal.computed
    let value = try global(module, name)
    globalsOfNames[key] = value
    try push(value)
  }

  /// The text of a node as a part of a name, or nil where it is no text.
  private func globalName(_ node: Pickle.Node) throws(CheckpointError) -> String? {
    if case .text(_, let count) = pickle[node] { try checkName(Int(count)) }
    return text(of: node)
  }

  private func checkName(_ size: Int) throws(CheckpointError) {
    guard size <= Self.maximumGlobalNameSize else {
      throw fault(
        "names a global by \(size) bytes; at most \(Self.maximumGlobalNameSize) are read")
    }
  }

  mutating func reduce() throws(CheckpointError) {
    let pair = try pop(2)
    guard pickle.items(pair[1]) != nil else {
      throw fault("needs a tuple of arguments, but found \(pickle.kind(pair[1]))")
    }
    let node = try add(.call(callable: pair[0], arguments: pair[1]))
    if pickle.global(pair[0])?.meaning == .dictionary {
      let entries = entries(ofArguments: pair[1])
      if !entries.isEmpty { pickle.entriesOfCall[node] = try container(entries) }
    }
    try push(node)
  }

  /// The entries that a dictionary's call is given: Python 2 passes an
  /// `OrderedDict` a list of pairs, and a `Counter` gets a dictionary.
  private func entries(ofArguments arguments: Pickle.Node) -> [Pickle.Node] {
    guard let argument = pickle.items(arguments)?.last else { return [] }
    if case .dictionary(let container) = pickle[argument] {
      return pickle.containers[Int(container)]
    }
    return (pickle.items(argument) ?? []).flatMap { pair in
      guard let pair = pickle.items(pair), pair.count == 2 else { return [Pickle.Node]() }
      return Array(pair)
    }
  }

  mutating func newObjectEx() throws(CheckpointError) {
    let parts = try pop(3)
    let arguments = try add(tuple([parts[1], parts[2]]))
    try push(.call(callable: parts[0], arguments: arguments))
  }

  mutating func instance(_ argument: Argument) throws(CheckpointError) {
    let arguments = try add(tuple(popToMark()))
    let callable = try add(global(text(argument.range), text(argument.second)))
    try push(.call(callable: callable, arguments: arguments))
  }

  mutating func object() throws(CheckpointError) {
    let items = try popToMark()
    guard let callable = items.first else { throw fault("needs a class behind the mark") }
    let arguments = try add(tuple(Array(items.dropFirst())))
    try push(.call(callable: callable, arguments: arguments))
  }

  mutating func build() throws(CheckpointError) {
    let state = try pop()
    let target = try top()
    switch pickle[target] {
    case .call, .dictionary, .list, .set: pickle.states[target] = state
    default: throw fault("needs an object to give a state to, but found \(pickle.kind(target))")
    }
  }

  mutating func pushPersistent(_ identifier: Pickle.Node) throws(CheckpointError) {
    let node = try add(.persistent(identifier))
    pickle.persistents.append(node)
    try push(node)
  }

  mutating func persistentLine(_ range: Range<Int>) throws(CheckpointError) {
    try pushPersistent(add(decoded(text(range))))
  }
}
