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
  init?(_ name: String, of path: String, in base: ExpertBase) {
    if let record = base["\(path).\(name)"] {
      self.init(name, fused: record)
      return
    }
    for layout in Self.layouts where layout.parameter == name {
      if let found = Self(name, layout.parts, below: path, in: base) {
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
  private init?(_ name: String, _ parts: [String], below lead: String, in base: ExpertBase) {
    var pieces: [Piece] = []
    var shape: [Int]?
    var expert = 0
    while base["\(lead).\(expert).\(parts[0]).weight"] != nil {
      for (index, part) in parts.enumerated() {
        guard let record = base["\(lead).\(expert).\(part).weight"],
          record.shape.count == 2, shape == nil || shape == record.shape
        else { return nil }
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

  /// How transformers before 5 named the experts that it fuses since, by the parameter.
  private static let layouts: [(parameter: String, parts: [String])] = [
    ("gate_up_proj", ["gate_proj", "up_proj"]), ("gate_up_proj", ["w1", "w3"]),
    ("up_proj", ["up_proj"]), ("down_proj", ["down_proj"]), ("down_proj", ["w2"]),
  ]

  /// The rows of a fused parameter that are the weight of one expert's own module, as
  /// transformers before 5 had it; `record` finds a tensor.
  static func place(of target: String, _ record: (String) -> TensorRecord?) -> BasePlace? {
    let segments = target.dottedSegments
    guard segments.count > 3, let part = segments.last,
      let expert = Int(segments[segments.count - 2]), expert >= 0
    else { return nil }
    let lead = segments.dropLast(2).joined(separator: ".")
    // Mixtral's and Phi's layers have another name since.
    let leads = [lead, lead.replacing(".block_sparse_moe.", with: ".mlp.")]
    for layout in layouts {
      guard let index = layout.parts.firstIndex(of: String(part)) else { continue }
      for lead in leads {
        let name = "\(lead).\(layout.parameter)"
        guard let shape = record(name)?.shape, shape.count == 3, expert < shape[0] else { continue }
        return .part(
          tensor: name, index: expert.saturatingProduct(layout.parts.count).saturatingSum(index),
          count: shape[0].saturatingProduct(layout.parts.count))
      }
    }
    return nil
  }

  /// The order in which models register their parameters, which decides how PEFT nests
  /// the adapters of several.
  static let registration = ["gate_up_proj", "up_proj", "down_proj"]
}

/// The tensors of a base by the names that its files or the loaded model give them.
struct ExpertBase {
  private let base: Checkpoint
  private let positions: NameTable
  private let loaded: LoadedNames

  init(_ base: Checkpoint) {
    self.base = base
    positions = base.positions()
    loaded = LoadedNames(base)
  }

  subscript(name: String) -> TensorRecord? {
    (positions[name] ?? loaded.tensor(name).flatMap { positions[$0] }).map { base.records[$0] }
  }
}
