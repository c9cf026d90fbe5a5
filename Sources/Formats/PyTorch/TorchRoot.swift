/// Finds the state dict in what a file holds.
struct TorchRoot {
  /// The names under which trainers put the state dict, the likeliest first.
  static let wellKnownKeys = [
    "state_dict", "model_state_dict", "model", "module", "params_ema", "params", "ema",
  ]
  /// Trainers do not nest their containers deeper than this.
  private static let maximumDepth = 8

  /// The steps from the top of the file, as printed.
  var path: [String] = []
  /// The steps as positions among the children.
  var positions: [Int] = []
  var node: Pickle.Node

  /// Chooses by content: the container that holds most tensors, but never an
  /// optimizer.
  init(choosingIn tree: TorchTree) {
    node = tree.pickle.root
    while path.count < Self.maximumDepth, let next = tree.wrapped(in: node, isTop: path.isEmpty) {
      descend(to: next, in: tree)
    }
  }

  /// Follows the keys that the user gave.
  init(following keys: [String], in tree: TorchTree) throws(CheckpointError) {
    node = tree.pickle.root
    for key in keys {
      let children = tree.children(node)
      guard let next = children.lastIndex(where: { tree.isNamed($0.step, key) }) else {
        let names = children.prefix(8).map { tree.label(of: $0.step) }
        let place = path.isEmpty ? "the top of the file" : path.joined(separator: ".").quoted
        throw CheckpointError(
          "no key \(key.quoted) in \(place)"
            + (names.isEmpty ? "" : ", which has \(names.joined(separator: ", "))")
            + (children.count > names.count ? " and \(children.count - names.count) more" : ""))
      }
      descend(to: next, in: tree)
    }
  }

  private mutating func descend(to position: Int, in tree: TorchTree) {
    let child = tree.children(node)[position]
    let name = tree.name(of: child.step)
    if !name.isEmpty { path.append(name) }
    positions.append(position)
    node = child.node
  }
}

extension TorchTree {
  /// The position of the child that holds the state dict, or nil where `node` is
  /// the one to take.
  fileprivate func wrapped(in node: Pickle.Node, isTop: Bool) -> Int? {
    let children = self.children(node)
    if children.count == 1, case .hidden = children[0].step { return 0 }
    // The attributes of an object belong together.
    guard pickle.entries(node) != nil || pickle.items(node) != nil else { return nil }
    if isOptimizer(node) { return nil }
    let direct = children.count { tensors.isTensor($0.node) }
    let known = children.indices.filter { rank(of: children[$0].step) != nil }
    let best = known.max { a, b in
      let (first, second) = (tensorCount(children[a].node), tensorCount(children[b].node))
      // The first of the list wins among equals.
      return first != second
        ? first < second
        : rank(of: children[a].step) ?? 0 > rank(of: children[b].step) ?? 0
    }
    if let best, tensorCount(children[best].node) > direct,
      !tensors.isTensor(children[best].node)
    {
      return best
    }
    return isTop && direct == 0 ? onlyStateDict(among: children) : nil
  }

  /// The position of the only child with tensors, if they lie right in it.
  private func onlyStateDict(among children: TorchChildren) -> Int? {
    var found: Int?
    for (position, child) in children.enumerated()
    where tensorCount(child.node) > 0 && !isOptimizer(child.node) {
      if found != nil { return nil }
      found = position
    }
    guard let found, pickle.entries(children[found].node) != nil,
      self.children(children[found].node).contains(where: { tensors.isTensor($0.node) })
    else { return nil }
    return found
  }

  private func rank(of step: Step) -> Int? {
    guard case .key(let key) = step else { return nil }
    return TorchRoot.wellKnownKeys.firstIndex { pickle.isText(key, $0) }
  }

  /// Whether a step is written like this.
  fileprivate func isNamed(_ step: Step, _ name: String) -> Bool {
    if case .key(let key) = step, pickle.isText(key, name) { return true }
    return label(of: step) == name
  }

  /// How a step is written in a message: in quotes and shortened if it is a text.
  fileprivate func label(of step: Step) -> String {
    if case .key(let key) = step {
      return pickle.isText(key) ? pickle.described(key) : pickle.keyName(key)
    }
    return name(of: step)
  }

  /// Whether this is the state of a `torch.optim` optimizer, known by its keys.
  func isOptimizer(_ node: Pickle.Node) -> Bool {
    pickle.value("state", in: node) != nil && pickle.value("param_groups", in: node) != nil
  }
}
