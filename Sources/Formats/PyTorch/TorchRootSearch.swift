/// Finds the container that the user names: keys with dots between them.
///
/// A key may hold dots itself, so every way to cut the text is tried, the longest
/// key first. An item of a list and a key that is a number may be written as
/// `2` or as it is printed, `[2]`.
struct TorchRootSearch {
  /// A way that is part of the text: the steps, as positions among the children, and
  /// where the rest of the text begins; nil where there is none.
  private struct Way {
    var node: Pickle.Node
    var positions: [Int] = []
    var rest: Int? = 0
  }

  private struct Place: Hashable {
    var node: Pickle.Node
    var rest: Int
  }

  private let tree: TorchTree
  private let text: [UInt8]
  /// The way that covers most of the text.
  private var farthest: Way

  init(_ text: String, in tree: TorchTree) {
    self.tree = tree
    self.text = Array(text.utf8)
    farthest = Way(node: tree.pickle.root)
  }

  /// The steps from the top of the file as positions among the children.
  mutating func positions() throws(CheckpointError) -> [Int] {
    var ways = [farthest]
    var seen: Set<Place> = []
    while let way = ways.popLast() {
      guard let rest = way.rest else { return way.positions }
      guard way.positions.count <= TorchWalk.maximumDepth,
        seen.insert(Place(node: way.node, rest: rest)).inserted
      else { continue }
      if rest > farthest.rest ?? 0 { farthest = way }
      ways += continuations(of: way, from: rest)
    }
    throw failure
  }

  /// The ways that are one step longer, the best last.
  private func continuations(of way: Way, from rest: Int) -> [Way] {
    var found: [Way] = []
    for (position, child) in tree.children(way.node).enumerated() {
      for next in ends(of: child.step, from: rest) {
        found.append(
          Way(node: child.node, positions: way.positions + [position], rest: next))
      }
    }
    return found.sorted { ($0.rest ?? .max) < ($1.rest ?? .max) }
  }

  /// Where the text goes on behind a step, for each way to write it.
  private func ends(of step: TorchTree.Step, from start: Int) -> [Int?] {
    guard let name = tree.name(of: step) else { return [start] }
    var spellings = [name]
    if let number = tree.number(of: step) { spellings.append(String(number)) }
    return spellings.compactMap { spelling -> Int?? in
      guard text[start...].starts(with: spelling.utf8) else { return nil }
      let end = start + spelling.utf8.count
      if end == text.count { return .some(nil) }
      return switch text[end] {
      case UInt8(ascii: "."): end + 1
      case UInt8(ascii: "["): end
      default: nil
      }
    }
  }

  private var failure: CheckpointError {
    let children = tree.children(farthest.node)
    let labels = children.prefix(8).map { tree.label(of: $0.step) }
    let names = names(farthest.positions)
    let place = names.isEmpty ? "the top of the file" : names.joined(separator: ".").quoted
    let rest = String(decoding: text[(farthest.rest ?? 0)...], as: UTF8.self)
    var error = CheckpointError(
      "no key \(rest.quoted) in \(place)"
        + (labels.isEmpty ? "" : ", which has \(labels.joined(separator: ", "))")
        + (children.count > labels.count ? " and \(children.count - labels.count) more" : ""))
    let best = children.max { tree.tensorCount($0.node) < tree.tensorCount($1.node) }
    if let best, tree.tensorCount(best.node) > 0, let name = tree.name(of: best.step) {
      error.fix = "use --root \(shellWord((names + [name]).joined(separator: ".")))"
    }
    return error
  }

  /// The names of the steps.
  private func names(_ positions: [Int]) -> [String] {
    var node = tree.pickle.root
    return positions.compactMap { position in
      let child = tree.children(node)[position]
      node = child.node
      return tree.name(of: child.step)
    }
  }
}

extension TorchTree {
  /// The number that a step is, of an item or of a key, or nil.
  fileprivate func number(of step: Step) -> Int? {
    switch step {
    case .index(let index): index
    case .key(let key): pickle.integer(key)
    case .hidden: nil
    }
  }

  /// How a step is written in a message: in quotes and shortened if it is a text.
  fileprivate func label(of step: Step) -> String {
    if case .key(let key) = step {
      return pickle.isText(key) ? pickle.described(key) : pickle.keyName(key)
    }
    return name(of: step) ?? ""
  }
}
