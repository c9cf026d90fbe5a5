/// The way through a pickled value on which its tensors get their names.
///
/// It keeps a list of its own instead of recursion, as a file can nest its values as
/// deeply as it likes.
struct TorchWalk {
  static let maximumDepth = 256
  static let maximumNameLength = 1 << 16
  /// The bytes of all names together, and of all keys.
  static let maximumNames = 32 << 20

  private(set) var contents = TorchContents()
  private(set) var tensors: TorchTensors

  private let tree: TorchTree
  private var nameBytes = 0
  private var keyBytes = 0
  private var visited = 0

  private typealias Place = TorchContents.Place

  init(_ tree: TorchTree, root: TorchRoot) throws(CheckpointError) {
    self.tree = tree
    tensors = tree.tensors
    try collect(root)
  }

  /// Walks from the top of the file to the root, listing what lies beside the
  /// way, and then takes the tensors below the root.
  private mutating func collect(_ root: TorchRoot) throws(CheckpointError) {
    var node = tree.pickle.root
    var place = Place()
    for position in root.positions {
      let children = tree.children(node)
      for (other, child) in children.enumerated() where other != position {
        try walk(child.node, at: joined(place, child.step), isRoot: false)
      }
      place = joined(place, children[position].step)
      node = children[position].node
    }
    try walk(node, at: Place(), isRoot: true)
  }

  /// A container on the way to the present value.
  private struct Level {
    var node: Pickle.Node
    var place: Place
    var children: TorchChildren
    /// The first of them that is still to be seen.
    var next = 0
    var isRoot: Bool
    /// Whether its keys are the attributes of an object.
    var holdsAttributes = false
  }

  private mutating func walk(_ start: Pickle.Node, at place: Place, isRoot: Bool)
    throws(CheckpointError)
  {
    var levels: [Level] = []
    var open: Set<Pickle.Node> = []
    try visit(start, at: place, isRoot: isRoot, &levels, &open)
    while let last = levels.indices.last {
      let level = levels[last]
      guard level.next < level.children.count else {
        open.remove(level.node)
        levels.removeLast()
        continue
      }
      levels[last].next += 1
      let child = level.children[level.next]
      if isInternal(child, of: level) { continue }
      let place = joined(level.place, child.step)
      try visit(child.node, at: place, isRoot: level.isRoot, &levels, &open)
    }
  }

  private mutating func visit(
    _ node: Pickle.Node, at place: Place, isRoot: Bool, _ levels: inout [Level],
    _ open: inout Set<Pickle.Node>
  ) throws(CheckpointError) {
    try count(place.name ?? "")
    let pickle = tree.pickle
    if let rebuild = tensors.rebuild(node) {
      return try take(rebuild, at: place, isRoot: isRoot)
    }
    // Only containers with tensors are opened, so a maze without them costs
    // nothing; the root is opened to show what it has instead.
    guard tree.tensorCount(node) > 0 || (isRoot && levels.isEmpty), !open.contains(node) else {
      return contents.note(place, open.contains(node) ? "(cycle)" : pickle.described(node))
    }
    let children = try distinct(tree.children(node), of: place)
    if children.isEmpty, place.name != nil || pickle.isScalar(node) {
      return contents.note(place, pickle.described(node))
    }
    guard levels.count < Self.maximumDepth else {
      throw CheckpointError("tensors lie more than \(Self.maximumDepth) containers deep")
    }
    open.insert(node)
    let isOutside = isRoot && !levels.isEmpty && tree.isOptimizer(node)
    var level = Level(
      node: node, place: place, children: children, isRoot: isRoot && !isOutside)
    // The state of an object lies right below it, without a name of its own.
    level.holdsAttributes = levels.last.map { tree.isState(node, of: $0.node) } ?? false
    levels.append(level)
  }

  /// Whether a child without tensors is of no interest: the empty tuple that an object
  /// was made from, or an attribute that is its class's own affair.
  private func isInternal(_ child: TorchChildren.Child, of level: Level) -> Bool {
    guard tree.tensorCount(child.node) == 0 else { return false }
    switch child.step {
    case .hidden: return tree.pickle.isEmptyContainer(child.node)
    case .key(let key):
      guard level.holdsAttributes, let name = tree.pickle.text(key) else { return false }
      return name.hasPrefix("_") || name == "training"
    case .index: return false
    }
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

  private mutating func take(_ rebuild: TorchTensors.Rebuild, at place: Place, isRoot: Bool)
    throws(CheckpointError)
  {
    let tensor = try tensors.tensor(rebuild, name: place.name ?? "tensor")
    guard isRoot else { return contents.note(place, tensor.record) }
    try contents.add(tensor, at: place)
  }

  /// The children of a container as Python would have them: of a key that is set
  /// twice, the last value at the place of the first.
  private mutating func distinct(_ children: TorchChildren, of place: Place)
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
      let full = joined(place, child.step)
      contents.report(
        .warning, full.name ?? "",
        "the key \(full.quoted) is set twice; the last value counts, as in Python")
    }
    return result.map { .listed($0) } ?? children
  }

  private func joined(_ place: Place, _ step: TorchTree.Step) -> Place {
    guard let last = tree.name(of: step) else { return place }
    var name = last
    if let first = place.name {
      let isText = if case .key(let key) = step { tree.pickle.isText(key) } else { false }
      name = isText ? "\(first).\(last)" : first + last
    }
    return Place(name: name, steps: place.steps + 1)
  }
}
