import Formats
import OrderedCollections

/// The names that MLX gives adapters: path, then `lora_a` as `[in, r]`, `lora_b` as
/// `[r, out]` and, for DoRA, `m`.
enum MLXNames {
  /// What models call their input embedding, whose factors PEFT names otherwise.
  private static let embeddings = "embed_tokens|wte|tok_embeddings|word_embeddings|embed_in"

  private static let rules = [
    RenameRule(checked: "((?:^|\\.)(?:\(embeddings)))\\.lora_a$", #"\1.lora_embedding_A"#),
    RenameRule(checked: "((?:^|\\.)(?:\(embeddings)))\\.lora_b$", #"\1.lora_embedding_B"#),
    RenameRule(checked: #"\.lora_a$"#, ".lora_A.weight"),
    RenameRule(checked: #"\.lora_b$"#, ".lora_B.weight"),
    RenameRule(checked: #"\.m$"#, ".lora_magnitude_vector"),
    RenameRule(checked: #"^(?!base_model\.)"#, "base_model.model."),
  ]

  static let toPEFT: @Sendable (inout RenamingDraft, KeyList?) throws(CheckpointError) -> Void = {
    (draft, base) throws(CheckpointError) in
    let paths = try draft.transposeFactors()
    guard let json = draft.configuration else {
      throw CheckpointError(
        path: draft.path, "no file says its scale; expected adapter_config.json beside the tensors")
    }
    let stated = try AdapterConfiguration(mlx: json, path: AdapterSurvey.configurationName)
    guard let scale = stated.scale else {
      throw CheckpointError(
        path: AdapterSurvey.configurationName,
        "has no \"scale\" in \"lora_parameters\"; expected the number that the update is "
          + "multiplied with")
    }
    draft.configuration = nil
    try draft.apply(KeyMap(rules), as: .preset("mlx-to-peft"))
    try draft.configure(
      base: base, from: nil,
      alphas: Dictionary(
        paths.map { ($0.key, scale * Double($0.value)) }, uniquingKeysWith: { first, _ in first }),
      usesMagnitudes: draft.names.contains { $0.hasSuffix(".lora_magnitude_vector") })
    draft.metadata["format"] = "pt"
    draft.kind = .peftAdapter
  }
}

extension RenamingDraft {
  /// Turns the factors to `[r, in]` and `[out, r]`; gives the rank of each module.
  fileprivate mutating func transposeFactors() throws(CheckpointError) -> [String: Int] {
    var ranks: [String: Int] = [:]
    for position in tensors.indices {
      let record = tensors[position].record
      guard let key = AdapterKey(mlx: record.name), case .leaf(let leaf, _) = key.content else {
        throw CheckpointError(
          path: path, tensor: record.name,
          "is none of lora_a, lora_b and m, and PEFT has no name for it here")
      }
      guard leaf.role == .a || leaf.role == .b, tensors[position].isShapeKnown else { continue }
      guard record.shape.count == 2 else {
        throw CheckpointError(
          path: path, tensor: record.name,
          "has shape \(record.shape); PEFT holds the factors of experts otherwise, and no exact "
            + "form is known here")
      }
      tensors[position].record = record.transposed
      if leaf.role == .a { ranks[key.target] = record.shape[1] }
    }
    return ranks
  }
}
