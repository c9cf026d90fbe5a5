import Formats

/// A method of LyCORIS that PEFT computes alike: one row of a table.
struct LycorisMethod: Sendable {
  /// PEFT's `peft_type`.
  let type: String
  /// The field of PEFT's configuration that holds alpha.
  let alphaField: String
  /// The leaves, as LyCORIS and as PEFT calls them.
  let leaves: [(lycoris: String, peft: String)]

  static let magnitude = "lora_magnitude_vector"

  static let lora = LycorisMethod(
    type: "LORA", alphaField: "lora_alpha",
    leaves: [
      ("lora_down.weight", "lora_A.weight"), ("lora_up.weight", "lora_B.weight"),
      ("dora_scale", magnitude),
    ])
  static let loha = alike(
    "LOHA", ["hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b", "hada_t1", "hada_t2"])
  static let lokr = alike(
    "LOKR",
    ["lokr_w1", "lokr_w1_a", "lokr_w1_b", "lokr_w2", "lokr_w2_a", "lokr_w2_b", "lokr_t2"])

  private static let table = [lora, loha, lokr]

  private static func alike(_ type: String, _ leaves: [String]) -> LycorisMethod {
    LycorisMethod(type: type, alphaField: "alpha", leaves: leaves.map { ($0, $0) })
  }

  /// The method of which all names are, by what stands behind the flattened path.
  static func of(_ names: [String], path: String) throws(CheckpointError) -> LycorisMethod {
    let known = table.filter { method in names.contains { method.holds($0) } }
    let others = names.filter { name in !known.contains { $0.holds(name) } }
    guard others.isEmpty else {
      throw CheckpointError(
        path: path, tensor: others.count == 1 ? others[0] : nil,
        "\(others.count) of the \(names.count) tensors \(others.count == 1 ? "is" : "are") part of "
          + "no LoRA, DoRA, LoHa or LoKr, and PEFT has no exact form for "
          + (others.count == 1 ? "it" : "them"),
        details: FoldedKeys.lines(others))
    }
    guard known.count == 1 else {
      throw CheckpointError(
        path: path,
        known.isEmpty
          ? "holds no factors"
          : "holds \(known.map(\.type).joined(separator: " and ")), and a PEFT adapter is of one "
            + "method",
        fix: known.isEmpty ? nil : "choose the modules of one with --include")
    }
    return known[0]
  }

  /// Whether the names are of LoRA's two factors alone.
  func isPlain(_ names: [String]) -> Bool {
    type == Self.lora.type && !names.contains { $0.hasSuffix(".dora_scale") }
  }

  private func holds(_ name: String) -> Bool {
    let leaf = name.drop { $0 != "." }.dropFirst()
    return leaves.contains { $0.lycoris == leaf }
  }

  /// The leaf of a tensor that has PEFT's name.
  static func leaf(of record: TensorRecord) -> String {
    guard case .leaf(let leaf, _) = AdapterKey(peft: record.name).content else { return "" }
    return leaf.name
  }

  /// Whether factors lie beside a core, as both call it, `t1` or `t2`.
  static func isCore(_ leaf: String) -> Bool { ["hada_t1", "hada_t2", "lokr_t2"].contains(leaf) }
}
