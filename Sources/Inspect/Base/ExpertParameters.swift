public import Formats

/// A parameter of several matrices that a module holds, such as the fused weights of
/// its experts, wherever the files of a base keep it.
public struct ExpertParameter: Sendable {
  /// Its name in the module: `gate_up_proj`.
  public let name: String
  /// The matrices in it.
  public let count: Int
  /// The shape of each of them, as the fused parameter has it.
  public let rowCount: Int
  public let columnCount: Int
  public let pieces: [Piece]

  /// A tensor of the base that holds all of it or some rows of one matrix.
  public struct Piece: Sendable {
    public let record: TensorRecord
    /// The matrix and its rows; nil for the whole parameter.
    public let part: (expert: Int, rows: Range<Int>)?
  }
}

extension ExpertParameter {
  /// Finds the parameter `name` of the module at `path` in a base: fused, or as one
  /// matrix for each expert, as older files have it.
  init?(_ name: String, of path: String, in base: Checkpoint, _ positions: NameTable) {
    if let position = positions["\(path).\(name)"] {
      self.init(name, fused: base.records[position])
      return
    }
    for layout in Self.layouts where layout.parameter == name && path.hasSuffix(layout.module) {
      let lead = path.dropLast(layout.module.count) + layout.experts
      if let found = Self(name, layout.parts, below: String(lead), in: base, positions) {
        self = found
        return
      }
    }
    return nil
  }

  private init?(_ name: String, fused record: TensorRecord) {
    let shape = record.shape
    guard shape.count == 2 || shape.count == 3 else { return nil }
    self.name = name
    count = shape.count == 3 ? shape[0] : 1
    rowCount = shape[shape.count - 2]
    columnCount = shape[shape.count - 1]
    pieces = [Piece(record: record, part: nil)]
  }

  /// One tensor for each part of each expert: the parts lie below each other.
  private init?(
    _ name: String, _ parts: [String], below lead: String, in base: Checkpoint,
    _ positions: NameTable
  ) {
    var pieces: [Piece] = []
    var shape: [Int]?
    var expert = 0
    while positions["\(lead).\(expert).\(parts[0]).weight"] != nil {
      for (index, part) in parts.enumerated() {
        guard let position = positions["\(lead).\(expert).\(part).weight"] else { return nil }
        let record = base.records[position]
        guard record.shape.count == 2, shape == nil || shape == record.shape else { return nil }
        shape = record.shape
        let start = index * record.shape[0]
        pieces.append(Piece(record: record, part: (expert, start..<start + record.shape[0])))
      }
      expert += 1
    }
    guard let shape, expert > 0 else { return nil }
    self.name = name
    count = expert
    rowCount = shape[0] * parts.count
    columnCount = shape[1]
    self.pieces = pieces
  }

  private struct Layout {
    let parameter: String
    /// The end of the path of the module that holds the fused parameter.
    let module: String
    /// What stands there in files that hold each expert by itself.
    let experts: String
    let parts: [String]
  }

  /// How transformers before 5 named the experts that it fuses since.
  private static let layouts = [
    Layout(
      parameter: "gate_up_proj", module: "mlp.experts", experts: "mlp.experts",
      parts: ["gate_proj", "up_proj"]),
    Layout(
      parameter: "down_proj", module: "mlp.experts", experts: "mlp.experts", parts: ["down_proj"]),
    Layout(
      parameter: "gate_up_proj", module: "mlp.experts", experts: "block_sparse_moe.experts",
      parts: ["w1", "w3"]),
    Layout(
      parameter: "down_proj", module: "mlp.experts", experts: "block_sparse_moe.experts",
      parts: ["w2"]),
  ]

  /// The order in which models register their parameters, which decides how PEFT nests
  /// the adapters of several.
  static let registration = ["gate_up_proj", "down_proj"]
}
