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

  /// A step from a container to one of its values.
  enum Step {
    /// A key or an attribute.
    case key(Pickle.Node)
    case index(Int)
    /// An argument of an unknown call.
    case argument(Int)
    /// A step that does not show in the name.
    case hidden
  }

  func tensorCount(_ node: Pickle.Node) -> Int { Int(counts[Int(node)]) }

  /// The values that a container holds directly; none for a tensor or a scalar.
  func children(_ node: Pickle.Node) -> [(step: Step, node: Pickle.Node)] {
    switch pickle[node] {
    case .tuple, .list:
      return (pickle.items(node) ?? []).enumerated().map { (.index($0.offset), $0.element) }
    case .set(let container):
      return pickle.containers[Int(container)].enumerated().map { (.index($0.offset), $0.element) }
    case .dictionary:
      return entries(node)
    case .call(let callable, let arguments):
      guard !tensors.isTensor(node) else { return [] }
      switch pickle.global(callable)?.meaning {
      case .dictionary: return entries(node)
      case .firstArgument: return pickle.items(arguments)?.first.map { [(.hidden, $0)] } ?? []
      default: return parts(ofObject: node, arguments)
      }
    default:
      return []
    }
  }

  private func entries(_ node: Pickle.Node) -> [(step: Step, node: Pickle.Node)] {
    let entries = pickle.entries(node) ?? []
    return stride(from: 0, to: entries.count - 1, by: 2).map {
      (.key(entries[$0]), entries[$0 + 1])
    }
  }

  /// What is inside an object of a class that is not known: what it was made
  /// from, what was put into it, and its attributes.
  private func parts(ofObject node: Pickle.Node, _ arguments: Pickle.Node)
    -> [(step: Step, node: Pickle.Node)]
  {
    var parts: [(step: Step, node: Pickle.Node)] = []
    for (index, argument) in (pickle.items(arguments) ?? []).enumerated() {
      parts.append((.argument(index), argument))
    }
    parts += entries(node)
    if let items = pickle.itemsOfCall[node] {
      for (index, item) in pickle.containers[Int(items)].enumerated() {
        parts.append((.index(index), item))
      }
    }
    guard let state = pickle.states[node] else { return parts }
    // Objects with slots have a pair of dictionaries.
    for state in pickle.tuple(state).map(Array.init) ?? [state] {
      for (step, value) in entries(state) {
        parts.append((isModuleTable(step) ? .hidden : step, value))
      }
    }
    return parts
  }

  /// Whether this is one of the tables of a `torch.nn.Module`, which do not
  /// appear in the names of its tensors.
  private func isModuleTable(_ step: Step) -> Bool {
    guard case .key(let key) = step, let name = pickle.text(key) else { return false }
    return name == "_parameters" || name == "_buffers" || name == "_modules"
  }

  private func countTensors() -> [Int32] {
    var counts = [Int32](repeating: 0, count: pickle.values.count)
    var isOpen = [Bool](repeating: false, count: counts.count)
    var isDone = isOpen
    var walk: [(node: Pickle.Node, children: [Pickle.Node])] = []

    func enter(_ node: Pickle.Node) {
      isOpen[Int(node)] = true
      if tensors.isTensor(node) { counts[Int(node)] = 1 }
      walk.append((node, children(node).map(\.node)))
    }

    enter(pickle.root)
    while let last = walk.indices.last {
      guard let child = walk[last].children.popLast() else {
        let node = walk.removeLast().node
        isDone[Int(node)] = true
        if let parent = walk.last?.node { counts[Int(parent)].addSaturating(counts[Int(node)]) }
        continue
      }
      if !isOpen[Int(child)] {
        enter(child)
      } else {
        // A child that is not done leads back up: it may yet hold tensors.
        let found = isDone[Int(child)] ? counts[Int(child)] : 1
        counts[Int(walk[last].node)].addSaturating(found)
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
