/// The modules of OpenCLIP's text encoder (Stable Diffusion 2, the second of SDXL) in
/// the names that transformers gives them.
enum OpenCLIPNames {
  private static let layers: [(original: String, transformers: String)] = [
    ("ln_1", "layer_norm1"), ("ln_2", "layer_norm2"), ("mlp.c_fc", "mlp.fc1"),
    ("mlp.c_proj", "mlp.fc2"), ("attn.out_proj", "self_attn.out_proj"),
  ]
  private static let others: [(original: String, transformers: String)] = [
    ("ln_final", "text_model.final_layer_norm"),
    ("token_embedding", "text_model.embeddings.token_embedding"),
  ]

  /// Parameters that are no module's in the original; what is applied as `x @ parameter`
  /// is the transpose of the weight that transformers has.
  private static let parameters: [String: (path: String, place: BasePlace)] = [
    "text_projection": ("text_projection", .transposed("text_projection")),
    "positional_embedding": (
      "text_model.embeddings.position_embedding", .whole("positional_embedding")
    ),
  ]

  /// Whether a name may be that of a parameter without a module.
  static func isParameter(_ tensor: String) -> Bool {
    parameters.keys.contains { tensor == $0 || tensor.hasSuffix(".\($0)") }
  }

  /// The places of the modules that one tensor of the original holds: three for the
  /// fused projection of the attention.
  static func transformers(_ tensor: String) -> [(path: String, place: BasePlace)] {
    if tensor.hasSuffix(".attn.in_proj_weight") {
      guard let layer = layer(tensor.dropLast(".attn.in_proj_weight".count)) else { return [] }
      return ["q_proj", "k_proj", "v_proj"].enumerated().map { index, name in
        ("\(layer).self_attn.\(name)", .part(tensor: tensor, index: index, count: 3))
      }
    }
    if let parameter = parameters[tensor] { return [parameter] }
    guard tensor.hasSuffix(".weight") else { return [] }
    let path = tensor.dropLast(".weight".count)
    for row in others where path == row.original { return [(row.transformers, .whole(tensor))] }
    for row in layers where path.hasSuffix(".\(row.original)") {
      guard let layer = layer(path.dropLast(row.original.count + 1)) else { return [] }
      return [("\(layer).\(row.transformers)", .whole(tensor))]
    }
    return []
  }

  private static func layer(_ path: Substring) -> String? {
    let segments = path.dottedSegments
    guard segments.count == 3, segments[0] == "transformer", segments[1] == "resblocks" else {
      return nil
    }
    return "text_model.encoder.layers.\(segments[2])"
  }
}
