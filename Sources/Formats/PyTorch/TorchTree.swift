/// The containers of a pickled value, seen as a tree of names.
///
/// Every question walks with a list of its own instead of recursion, as a file
/// can nest its values as deeply as it likes.
struct TorchTree {
  let tensors: TorchTensors
  /// How many tensors each node holds in itself and below; counted twice where
  /// they are reached twice, and at least 1 where a cycle leads back up.
  private var counts: [Int32]

  var pickle: Pickle { tensors.pickle }

  init(_ tensors: TorchTensors) {
    self.tensors = tensors
    counts = []
    counts = countTensors()
  }

  typealias Step = TorchChildren.Step

  func tensorCount(_ node: Pickle.Node) -> Int { Int(counts[Int(node)]) }

  /// The values that a container holds directly; none for a tensor or a scalar.
  func children(_ node: Pickle.Node) -> TorchChildren {
    switch pickle[node] {
    case .tuple, .list: return .items(pickle.items(node) ?? [])
    case .set(let container): return .items(pickle.containers[Int(container)][...])
    case .dictionary: return entries(node)
    case .call(let callable, let arguments):
      guard !tensors.isTensor(node) else { return .none }
      switch pickle.global(callable)?.meaning {
      case .dictionary: return entries(node)
      case .firstArgument:
        let first = (pickle.items(arguments) ?? []).prefix(1)
        return .listed(first.map { .init(step: .hidden, node: $0) })
      default: return parts(ofObject: node, arguments)
      }
    default: return .none
    }
  }

  private func entries(_ node: Pickle.Node) -> TorchChildren {
    .entries(pickle.entries(node) ?? [])
  }

  /// What is inside an object of a class that is not known: what it was made
  /// from, what was put into it, and its attributes. Many objects can have the
  /// same arguments, so these stay the containers that they are.
  private func parts(ofObject node: Pickle.Node, _ arguments: Pickle.Node) -> TorchChildren {
    var parts = [TorchChildren.Child(step: .hidden, node: arguments)]
    parts += entries(node)
    if let items = pickle.itemsOfCall[node] {
      parts += TorchChildren.items(pickle.containers[Int(items)][...])
    }
    if let state = pickle.states[node] { parts.append(.init(step: .hidden, node: state)) }
    return .listed(parts)
  }

  /// Whether a node is what BUILD gave to an object.
  func isState(_ node: Pickle.Node, of object: Pickle.Node) -> Bool {
    pickle.states[object] == node
  }

  /// The tables of a `torch.nn.Module`, which do not appear in the names of its
  /// tensors.
  private static let moduleTables = ["_parameters", "_buffers", "_modules"]

  /// How a step is written where it stands alone; nil where it does not show.
  func name(of step: Step) -> String? {
    switch step {
    case .key(let key):
      Self.moduleTables.contains { pickle.isText(key, $0) } ? nil : pickle.keyName(key)
    case .index(let index): "[\(index)]"
    case .hidden: nil
    }
  }

  private func countTensors() -> [Int32] {
    var counts = [Int32](repeating: 0, count: pickle.values.count)
    var isOpen = [Bool](repeating: false, count: counts.count)
    var isDone = isOpen
    var walk: [(node: Pickle.Node, children: TorchChildren, next: Int)] = []

    func enter(_ node: Pickle.Node) {
      isOpen[Int(node)] = true
      if tensors.isTensor(node) { counts[Int(node)] = 1 }
      walk.append((node, children(node), 0))
    }

    enter(pickle.root)
    while let last = walk.indices.last {
      let level = walk[last]
      guard level.next < level.children.count else {
        walk.removeLast()
        isDone[Int(level.node)] = true
        if let parent = walk.last?.node {
          counts[Int(parent)].addSaturating(counts[Int(level.node)])
        }
        continue
      }
      walk[last].next += 1
      let child = level.children[level.next].node
      if !isOpen[Int(child)] {
        enter(child)
      } else {
        // A child that is not done leads back up: it may yet hold tensors.
        counts[Int(level.node)].addSaturating(isDone[Int(child)] ? counts[Int(child)] : 1)
      }
    }
    return counts
  }
}

extension Int32 {
  fileprivate mutating func addSaturating(_ other: Int32) {
    let (sum, overflow) = addingReportingOverflow(other)
    self = overflow ? .max : sum
  }
}
