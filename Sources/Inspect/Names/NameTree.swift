/// The names of a checkpoint as nested modules with repeated layers collapsed: a
/// model of 700 tensors on one screen.
///
/// ```
/// lm_head.weight                 BF16 [32000, 4096]
/// model
///   embed_tokens.weight          BF16 [32000, 4096]
///   layers.{0..31}
///     input_layernorm.weight     BF16 [4096] ×32
///     self_attn
///       k_proj.weight            BF16 [1024, 4096] ×32
///       q_proj.weight            BF16 [4096, 4096] ×32
/// ```
///
/// A module with a single child is joined to it (`model.layers.{0..31}`).
public struct NameTree: Sendable {
  /// One line of the tree, top down.
  public struct Line: Sendable {
    /// How deep the line is nested; 0 at the top.
    public let depth: Int
    /// The part of the names that this line adds, without a leading dot.
    public let label: String
    /// The tensors that end here; nil for a module.
    public let group: TensorGroup?
    /// The number of tensors here and below.
    public let tensorCount: Int
    /// Their bytes.
    public let byteCount: Int
  }

  public let lines: [Line]

  public init(_ groups: [TensorGroup]) {
    var builder = NameTreeBuilder()
    for group in groups { builder.insert(group) }
    lines = builder.lines()
  }
}

/// A trie over the segments of patterns, in arrays so that depth costs no stack.
private struct NameTreeBuilder {
  private struct Node {
    let label: String
    let parent: Int
    var children: [Int] = []
    var group: TensorGroup?
    var tensorCount = 0
    var byteCount = 0
  }

  private struct Edge: Hashable {
    let parent: Int
    let label: String
  }

  private var nodes = [Node(label: "", parent: 0)]
  private var edges: [Edge: Int] = [:]

  mutating func insert(_ group: TensorGroup) {
    var node = 0
    for segment in group.pattern.segments {
      node = child(of: node, named: segment)
    }
    // Two hostile names can look alike as patterns; the second gets its own line.
    if nodes[node].group != nil { node = addNode("", parent: node) }
    nodes[node].group = group
    while true {
      nodes[node].tensorCount += group.count
      nodes[node].byteCount = nodes[node].byteCount.saturatingSum(group.byteCount)
      if node == 0 { return }
      node = nodes[node].parent
    }
  }

  private mutating func child(of parent: Int, named label: String) -> Int {
    let edge = Edge(parent: parent, label: label)
    if let known = edges[edge] { return known }
    let node = addNode(label, parent: parent)
    edges[edge] = node
    return node
  }

  private mutating func addNode(_ label: String, parent: Int) -> Int {
    nodes.append(Node(label: label, parent: parent))
    nodes[parent].children.append(nodes.count - 1)
    return nodes.count - 1
  }

  func lines() -> [NameTree.Line] {
    var lines: [NameTree.Line] = []
    var pending = nodes[0].children.reversed().map { (node: $0, depth: 0) }
    while let (start, depth) = pending.popLast() {
      var node = start
      var labels = [nodes[node].label]
      while nodes[node].group == nil, nodes[node].children.count == 1 {
        node = nodes[node].children[0]
        labels.append(nodes[node].label)
      }
      lines.append(
        NameTree.Line(
          depth: depth, label: labels.joined(separator: "."), group: nodes[node].group,
          tensorCount: nodes[node].tensorCount, byteCount: nodes[node].byteCount))
      for child in nodes[node].children.reversed() { pending.append((child, depth + 1)) }
    }
    return lines
  }
}
