/// The tensors of a pickled value by name, and what else it holds.
struct TorchContents {
  static let maximumTensors = 1 << 18
  static let maximumOthers = 10_000
  static let maximumFindings = 100
  static let maximumDepth = 256
  static let maximumNameLength = 1 << 16
  /// The bytes of all names together, and of all keys.
  static let maximumNames = 32 << 20
  /// The sizes in all shapes together.
  static let maximumAxes = 1 << 22

  private(set) var records: [TensorRecord] = []
  private(set) var others: [OtherEntry] = []
  private(set) var findings: [Finding] = []
  private(set) var tensors: TorchTensors
  /// The names of the tensors in each storage, in the order of the file.
  private(set) var namesByStorage: [String: [Int]] = [:]
  private(set) var omittedOthers = 0

  private let tree: TorchTree
  private var names: Set<ExactName> = []
  private var nameBytes = 0
  private var keyBytes = 0
  private var axes = 0
  private var visited = 0

  init(_ tree: TorchTree, root: TorchRoot) throws(CheckpointError) {
    self.tree = tree
    tensors = tree.tensors
    try collect(root)
  }

  /// Walks from the top of the file to the root, listing what lies beside the
  /// way, and then takes the tensors below the root.
  private mutating func collect(_ root: TorchRoot) throws(CheckpointError) {
    var node = tree.pickle.root
    var path = ""
    for position in root.positions {
      let children = tree.children(node)
      for (other, child) in children.enumerated() where other != position {
        try walk(child.node, path: joined(path, child.step), isRoot: false)
      }
      path = joined(path, children[position].step)
      node = children[position].node
    }
    try walk(node, path: "", isRoot: true)
  }

  /// A container on the way to the present value.
  private struct Level {
    var node: Pickle.Node
    var path: String
    var children: TorchChildren
    /// The first of them that is still to be seen.
    var next = 0
    var isRoot: Bool
  }

  private mutating func walk(_ start: Pickle.Node, path: String, isRoot: Bool)
    throws(CheckpointError)
  {
    var levels: [Level] = []
    var open: Set<Pickle.Node> = []
    try visit(start, path: path, isRoot: isRoot, &levels, &open)
    while let last = levels.indices.last {
      let level = levels[last]
      guard level.next < level.children.count else {
        open.remove(level.node)
        levels.removeLast()
        continue
      }
      levels[last].next += 1
      let child = level.children[level.next]
      let path = joined(level.path, child.step)
      try visit(child.node, path: path, isRoot: level.isRoot, &levels, &open)
    }
  }

  private mutating func visit(
    _ node: Pickle.Node, path: String, isRoot: Bool, _ levels: inout [Level],
    _ open: inout Set<Pickle.Node>
  ) throws(CheckpointError) {
    try count(path)
    if let rebuild = tensors.rebuild(node) {
      return try take(rebuild, path: path, isRoot: isRoot)
    }
    // Only containers with tensors are opened, so a maze without them costs
    // nothing; the root is opened to show what it has instead.
    guard tree.tensorCount(node) > 0 || (isRoot && levels.isEmpty), !open.contains(node) else {
      return open.contains(node) ? note(path, "(cycle)") : note(path, node)
    }
    let children = try distinct(tree.children(node), of: path)
    if children.isEmpty, !path.isEmpty { return note(path, node) }
    guard levels.count < Self.maximumDepth else {
      throw CheckpointError("tensors lie more than \(Self.maximumDepth) containers deep")
    }
    open.insert(node)
    let isOutside = isRoot && !levels.isEmpty && tree.isOptimizer(node)
    levels.append(
      Level(node: node, path: path, children: children, isRoot: isRoot && !isOutside))
  }

  private mutating func count(_ path: String) throws(CheckpointError) {
    visited += 1
    nameBytes += path.utf8.count
    guard path.utf8.count <= Self.maximumNameLength else {
      throw CheckpointError(
        "a name of \(path.utf8.count) bytes; at most \(Self.maximumNameLength) are read")
    }
    guard nameBytes <= Self.maximumNames, visited <= PickleMachine.maximumNodes else {
      throw CheckpointError(
        "its containers repeat each other: more than \(visited) values with "
          + "\(nameBytes) bytes of names")
    }
  }

  private mutating func take(_ rebuild: TorchTensors.Rebuild, path: String, isRoot: Bool)
    throws(CheckpointError)
  {
    let name = path.isEmpty ? "tensor" : path
    let tensor = try tensors.tensor(rebuild, name: name)
    guard isRoot else {
      return note(path, "\(tensor.record.type.name) \(tensor.record.shape)")
    }
    guard names.insert(ExactName(name)).inserted else {
      report(.error, name, "two keys print as \(name.quoted); the tensor of the first is taken")
      return note(path, "\(tensor.record.type.name) \(tensor.record.shape)")
    }
    axes += tensor.record.shape.count
    guard records.count < Self.maximumTensors, axes <= Self.maximumAxes else {
      throw CheckpointError(
        "more than \(Self.maximumTensors) tensors or \(Self.maximumAxes) axes")
    }
    if let key = tensor.storage { namesByStorage[key, default: []].append(records.count) }
    records.append(tensor.record)
  }

  /// Whether another entry may be listed; if not, it is counted.
  private mutating func isRoomForOther() -> Bool {
    guard others.count == Self.maximumOthers else { return true }
    omittedOthers += 1
    return false
  }

  private mutating func report(_ severity: Finding.Severity, _ name: String, _ message: String) {
    guard findings.count < Self.maximumFindings else { return }
    findings.append(Finding(severity, .duplicateKey, tensors: [name], message))
  }

  private mutating func note(_ path: String, _ node: Pickle.Node) {
    guard isRoomForOther() else { return }
    note(path, tree.pickle.described(node))
  }

  private mutating func note(_ path: String, _ description: String) {
    guard isRoomForOther() else { return }
    others.append(OtherEntry(path: path.isEmpty ? "(top)" : path, description: description))
  }

  /// The children of a container as Python would have them: of a key that is set
  /// twice, the last value at the place of the first.
  private mutating func distinct(_ children: TorchChildren, of path: String)
    throws(CheckpointError) -> TorchChildren
  {
    var positions: [ExactName: Int] = [:]
    var result: [TorchChildren.Child]?
    for (index, child) in children.enumerated() {
      guard case .key(let key) = child.step, let name = tree.pickle.text(key) else {
        result?.append(child)
        continue
      }
      keyBytes += name.utf8.count
      guard keyBytes <= Self.maximumNames else {
        throw CheckpointError("its keys take more than \(Self.maximumNames) bytes")
      }
      guard let position = positions[ExactName(name)] else {
        positions[ExactName(name)] = result?.count ?? index
        result?.append(child)
        continue
      }
      if result == nil { result = Array(children[..<index]) }
      result?[position].node = child.node
      let full = joined(path, child.step)
      report(
        .warning, full, "the key \(full.quoted) is set twice; the last value counts, as in Python")
    }
    return result.map { .listed($0) } ?? children
  }

  private func joined(_ path: String, _ step: TorchTree.Step) -> String {
    let name = tree.name(of: step)
    guard !path.isEmpty, !name.isEmpty, case .key(let key) = step, tree.pickle.isText(key) else {
      return path + name
    }
    return "\(path).\(name)"
  }
}
