public import Formats

/// How a library names what it keeps beside quantised weights: a row of a table.
struct QuantisedNames: Sendable {
  let library: String
  /// Last segments that no other library has.
  let endings: [String]
  /// What restores plain weights.
  let remedy: String

  private static let bitsandbytes =
    "load the model with transformers and bitsandbytes, call dequantize() on it and save that"

  private static let original = "take the model that was quantised"

  private static let table = [
    QuantisedNames(
      library: "bitsandbytes with 8 bits", endings: ["SCB", "weight_format"], remedy: bitsandbytes),
    QuantisedNames(
      library: "bitsandbytes with 4 bits",
      endings: [
        "absmax", "quant_map", "nested_absmax", "nested_quant_map", "bitsandbytes__nf4",
        "bitsandbytes__fp4",
      ], remedy: bitsandbytes),
    QuantisedNames(
      library: "GPTQ or AWQ", endings: ["qweight", "qzeros", "g_idx"], remedy: original),
    QuantisedNames(library: "compressed-tensors", endings: ["weight_packed"], remedy: original),
    QuantisedNames(
      library: "ModelOpt with NVFP4", endings: ["weight_scale_2"], remedy: original),
    QuantisedNames(library: "AQLM", endings: ["codebooks"], remedy: original),
    QuantisedNames(
      library: "MXFP4", endings: ["gate_up_proj_blocks", "down_proj_blocks"],
      remedy: "load the model with transformers and Mxfp4Config(dequantize=True) and save that"),
    QuantisedNames(library: "HQQ", endings: ["W_q"], remedy: original),
    QuantisedNames(library: "quanto", endings: ["_data", "_scale"], remedy: original),
    QuantisedNames(
      library: "ComfyUI", endings: ["scaled_fp8", "scale_weight"], remedy: original),
  ]

  /// The rows of the table by the endings that tell them.
  private static let rows = Dictionary(
    table.enumerated().flatMap { row, library in library.endings.map { (Substring($0), row) } },
    uniquingKeysWith: { first, _ in first })

  private static func row(of name: String) -> Int? {
    let dot = name.utf8.lastIndex(of: UInt8(ascii: "."))
    return rows[dot.map { name[name.utf8.index(after: $0)...] } ?? name[...]]
  }

  /// The names of one library among some, of the first of the table that has any.
  static func found(in names: [String]) -> (library: QuantisedNames, names: [String])? {
    let told = names.compactMap { name in row(of: name).map { (name: name, row: $0) } }
    guard let first = told.map(\.row).min() else { return nil }
    return (table[first], told.filter { $0.row == first }.map(\.name))
  }

  /// That the weights of a checkpoint are packed, where no configuration says so.
  static func finding(_ checkpoint: Checkpoint) -> Finding? {
    guard let (row, names) = found(in: checkpoint.records.map(\.name)) else { return nil }
    return Finding(
      .note, .quantisedBase, tensors: names,
      "\(FoldedKeys.summary(of: names, "tensor")) \(Wording.verb(names.count, "is", "are")) what "
        + "\(row.library) keeps beside weights that it quantised: an adapter cannot be merged into "
        + "them, and only that library loads them; for plain weights \(row.remedy)")
  }

  /// That a model wants plain weights where the checkpoint has packed ones.
  static func unexpected(_ names: [String], by source: String) -> Finding? {
    guard let (row, own) = found(in: names) else { return nil }
    return Finding(
      .error, .quantisedBase, tensors: own,
      "\(FoldedKeys.summary(of: own, "unexpected key")) \(Wording.verb(own.count, "is", "are")) what "
        + "\(row.library) keeps beside weights that it quantised, and \(source) wants plain ones: "
        + "load it with the quantization_config of its config.json; or \(row.remedy)")
  }
}

extension Checkpoint {
  /// By what its weights are quantised, as its configuration says or the names of its tensors
  /// show; nil where neither does.
  public var quantisation: String? {
    (try? ModelConfiguration(beside: self))?.quantisation
      ?? QuantisedNames.found(in: records.map(\.name))?.library.library
  }
}
