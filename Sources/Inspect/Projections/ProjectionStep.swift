import Formats

/// Projections that some models hold as matrices of their own and others as one: a
/// row of the table of which both directions are made.
///
/// Rows are outputs, so splitting and fusing only moves rows: of weights, of biases,
/// and of B of a LoRA. A, which reads the common input, is shared.
struct ProjectionStep: Sendable {
  /// What the paths of the parts end with, in the order of their rows.
  let parts: [String]
  /// What the path of the whole ends with.
  let fused: String
  let layout: Layout

  /// How the rows of the parts lie in the whole.
  enum Layout: Sendable, Hashable {
    /// One part after the other, with rows in these proportions.
    case proportional([Int])
    /// The same, each with as many outputs as there are inputs, as in a ViT.
    case square
    /// Queries, keys, values, one after the other, as many heads as the model has.
    case heads
    /// For each head of keys: the heads of queries that share it, the one of keys,
    /// the one of values.
    case groupedHeads
    /// One part, whose heads have their rows in another order: what the rotary embedding
    /// turns together are neighbours in the whole, and half a head apart in the part.
    case rotary(Share)
  }

  /// Which heads a part has.
  enum Share: Sendable, Hashable {
    case queries, keys
  }

  /// Whether one matrix becomes one matrix, with its rows in another order.
  var isReordering: Bool { parts.count == 1 }

  private static let attention = ["q_proj", "k_proj", "v_proj"]

  /// Phi-3 and its like.
  static let qkv = ProjectionStep(parts: attention, fused: "qkv_proj", layout: .heads)
  /// Vision transformers.
  static let visionQKV = ProjectionStep(parts: attention, fused: "qkv", layout: .square)
  /// InternLM2.
  static let wqkv = ProjectionStep(parts: attention, fused: "wqkv", layout: .groupedHeads)
  /// GPT-NeoX, BLOOM and Falcon.
  static let queryKeyValue = ProjectionStep(
    parts: attention, fused: "query_key_value", layout: .groupedHeads)
  static let gateUp = ProjectionStep(
    parts: ["gate_proj", "up_proj"], fused: "gate_up_proj", layout: .proportional([1, 1]))
  /// InternLM2 in the names of Llama.
  static let internLM2 = ProjectionStep(
    parts: attention.map { "self_attn.\($0)" }, fused: "attention.wqkv", layout: .groupedHeads)
  /// Llama in the names of Meta, which turns neighbours.
  static let metaQueries = ProjectionStep(
    parts: ["self_attn.q_proj"], fused: "attention.wq", layout: .rotary(.queries))
  static let metaKeys = ProjectionStep(
    parts: ["self_attn.k_proj"], fused: "attention.wk", layout: .rotary(.keys))
  /// The vision part of InternVL.
  static let internViT = ProjectionStep(
    parts: attention.map { "attention.\($0)" }, fused: "attn.qkv", layout: .square)
}

/// Some rows of a part, which follow each other in the whole.
struct ProjectionPiece {
  let part: Int
  /// The rows of the part.
  let rows: Range<Int>
}

extension ProjectionStep {
  /// The whole as pieces, in the order of its rows; `sizes` are the rows of the parts
  /// and `groups` the number of heads of keys, or of the one part.
  func pieces(_ sizes: [Int], groups: Int) -> [ProjectionPiece] {
    if case .rotary = layout { return Self.neighbours(sizes[0], heads: groups) }
    return (0..<groups).flatMap { group in
      sizes.indices.map { part in
        let size = sizes[part] / groups
        return ProjectionPiece(part: part, rows: group * size..<(group + 1) * size)
      }
    }
  }

  /// The rows of the two halves of every head by turns.
  private static func neighbours(_ rows: Int, heads: Int) -> [ProjectionPiece] {
    let half = rows / heads / 2
    return (0..<heads).flatMap { head in
      (0..<half).flatMap { row in
        [0, half].map { start in
          let row = head * 2 * half + start + row
          return ProjectionPiece(part: 0, rows: row..<row + 1)
        }
      }
    }
  }

  /// The heads of the one part, which have to be of an even number of rows.
  private func rotaryHeads(_ rows: Int, _ share: Share, _ heads: AttentionHeads)
    throws(CheckpointError) -> Int
  {
    let count = share == .queries ? heads.queries : heads.keys
    let size = try heads.size(of: rows, in: count)
    guard size.isMultiple(of: 2) else {
      throw CheckpointError(
        "has \(rows) rows for \(count) heads, \(size) each; expected an even number, of which the "
          + "rotary embedding turns pairs")
    }
    return count
  }

  /// The rows of each part of a whole of `rows` rows that reads `inputs` numbers, and
  /// the number of groups.
  func sizes(of rows: Int, inputs: Int?, heads: () throws(CheckpointError) -> AttentionHeads)
    throws(CheckpointError) -> (sizes: [Int], groups: Int)
  {
    switch layout {
    case .proportional, .square:
      let proportions = proportions
      let count = proportions.reduce(0, +)
      let size = rows / count
      guard rows % count == 0 else {
        throw CheckpointError(
          "has \(rows) rows; expected \(parts.count) parts "
            + (count == parts.count ? "of the same size" : "in the proportions \(proportions)"))
      }
      guard layout != .square || inputs == nil || inputs == size else {
        throw CheckpointError(
          "has \(rows) rows and \(inputs ?? 0) columns; expected \(parts.count) parts, each with "
            + "as many rows as columns")
      }
      return (proportions.map { $0 * size }, 1)
    case .heads, .groupedHeads:
      let heads = try heads()
      let size = try heads.size(of: rows)
      let sizes = [heads.queries * size, heads.keys * size, heads.keys * size]
      return (sizes, layout == .groupedHeads ? heads.keys : 1)
    case .rotary(let share): return ([rows], try rotaryHeads(rows, share, try heads()))
    }
  }

  /// The rows of all parts where those of some are known, and the number of groups.
  func sizes(_ known: [Int?], heads: () throws(CheckpointError) -> AttentionHeads)
    throws(CheckpointError) -> (sizes: [Int], groups: Int)
  {
    var sizes = known
    switch layout {
    case .proportional, .square:
      let proportions = proportions
      let size =
        zip(known, proportions).lazy.compactMap { rows, share in rows.map { $0 / share } }
        .first ?? 0
      let all = zip(known, proportions).map { $0 ?? size * $1 }
      try require(all, in: proportions)
      return (all, 1)
    case .heads, .groupedHeads:
      sizes[1] = sizes[1] ?? sizes[2]
      sizes[2] = sizes[2] ?? sizes[1]
      if layout == .heads, let queries = sizes[0], let keys = sizes[1], let values = sizes[2] {
        try requireEqual([keys, values], of: [1, 2])
        return ([queries, keys, values], 1)
      }
      let heads = try heads()
      if let keys = sizes[1], sizes[0] == nil {
        sizes[0] = try heads.size(of: keys, in: heads.keys) * heads.queries
      }
      if let queries = sizes[0], sizes[1] == nil {
        sizes[1] = try heads.size(of: queries, in: heads.queries) * heads.keys
        sizes[2] = sizes[1]
      }
      let all = sizes.compactMap(\.self)
      try requireEqual(Array(all[1...]), of: [1, 2])
      let size = try heads.size(of: all[0], in: heads.queries)
      guard try heads.size(of: all[1], in: heads.keys) == size else {
        throw CheckpointError(
          "its heads of queries have \(size) rows and those of keys \(all[1] / heads.keys)")
      }
      return (all, layout == .groupedHeads ? heads.keys : 1)
    case .rotary(let share):
      let rows = known[0] ?? 0
      return ([rows], try rotaryHeads(rows, share, try heads()))
    }
  }

  /// What the rows of the parts are to each other, where they lie one after the other.
  private var proportions: [Int] {
    if case .proportional(let proportions) = layout { proportions } else { parts.map { _ in 1 } }
  }

  private func require(_ sizes: [Int], in proportions: [Int]) throws(CheckpointError) {
    let isEqual = Set(proportions).count == 1
    if isEqual { return try requireEqual(sizes, of: Array(sizes.indices)) }
    let unit = sizes[0] / proportions[0]
    guard zip(sizes, proportions).contains(where: { $0 != unit * $1 }) else { return }
    throw CheckpointError(
      "\(rows(sizes, of: Array(sizes.indices))); expected the proportions \(proportions)")
  }

  private func requireEqual(_ sizes: [Int], of places: [Int]) throws(CheckpointError) {
    guard let first = sizes.first, sizes.contains(where: { $0 != first }) else { return }
    throw CheckpointError("\(rows(sizes, of: places)); expected the same number")
  }

  private func rows(_ sizes: [Int], of places: [Int]) -> String {
    zip(places, sizes).map { "\(parts[$0]) has \($1)" }.joined(separator: ", ") + " rows"
  }
}
