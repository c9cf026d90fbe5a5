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

  /// Follows the keys that the user gave, of which any may hold dots and be given in
  /// parts.
  init(following keys: [String], in tree: TorchTree) throws(CheckpointError) {
    node = tree.pickle.root
    guard !keys.isEmpty else { return }
    var search = TorchRootSearch(keys.joined(separator: "."), in: tree)
    for position in try search.positions() { descend(to: position, in: tree) }
  }

  private mutating func descend(to position: Int, in tree: TorchTree) {
    let child = tree.children(node)[position]
    if let name = tree.name(of: child.step) { path.append(name) }
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
    let direct = children.count { tensors.isTensor($0.node) && !isNumber($0.node) }
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

  /// The position of the only container with tensors, if they lie right in it.
  private func onlyStateDict(among children: TorchChildren) -> Int? {
    var found: Int?
    for (position, child) in children.enumerated()
    where tensorCount(child.node) > 0 && !tensors.isTensor(child.node) && !isOptimizer(child.node) {
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

  /// Whether a node is a tensor of one element: an accuracy or a loss that a trainer
  /// keeps beside the state dict.
  private func isNumber(_ node: Pickle.Node) -> Bool {
    guard let rebuild = tensors.rebuild(node),
      [.tensor, .tensorV2, .tensorV3].contains(rebuild.kind), rebuild.arguments.count > 2,
      let sizes = try? pickle.sizes(rebuild.arguments[2], "size")
    else { return false }
    return sizes.allSatisfy { $0 == 1 }
  }

  /// Whether this is the state of a `torch.optim` optimizer, known by its keys.
  func isOptimizer(_ node: Pickle.Node) -> Bool {
    pickle.value("state", in: node) != nil && pickle.value("param_groups", in: node) != nil
  }
}
