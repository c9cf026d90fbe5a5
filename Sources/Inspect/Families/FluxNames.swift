/// The modules of Flux in their original names, which kohya's scripts use, and in those of
/// diffusers, which holds apart what the original fuses.
///
/// `final_layer.adaLN_modulation` is not among them: diffusers exchanges its halves.
enum FluxNames {
  /// A module of the original and the modules that hold its rows, one after the other.
  private struct Row {
    let original: String
    let diffusers: [String]

    init(_ original: String, _ diffusers: String...) {
      self.original = original
      self.diffusers = diffusers
    }
  }

  private static let blocks: [(original: String, diffusers: String, modules: [Row])] = [
    (
      "double_blocks", "transformer_blocks",
      [
        Row("img_attn.qkv", "attn.to_q", "attn.to_k", "attn.to_v"),
        Row("img_attn.proj", "attn.to_out.0"),
        Row("img_mlp.0", "ff.net.0.proj"),
        Row("img_mlp.2", "ff.net.2"),
        Row("img_mod.lin", "norm1.linear"),
        Row("txt_attn.qkv", "attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"),
        Row("txt_attn.proj", "attn.to_add_out"),
        Row("txt_mlp.0", "ff_context.net.0.proj"),
        Row("txt_mlp.2", "ff_context.net.2"),
        Row("txt_mod.lin", "norm1_context.linear"),
      ]
    ),
    (
      "single_blocks", "single_transformer_blocks",
      [
        Row("linear1", "attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp"),
        Row("linear2", "proj_out"),
        Row("modulation.lin", "norm.linear"),
      ]
    ),
  ]

  private static let others = [
    Row("img_in", "x_embedder"),
    Row("txt_in", "context_embedder"),
    Row("time_in.in_layer", "time_text_embed.timestep_embedder.linear_1"),
    Row("time_in.out_layer", "time_text_embed.timestep_embedder.linear_2"),
    Row("vector_in.in_layer", "time_text_embed.text_embedder.linear_1"),
    Row("vector_in.out_layer", "time_text_embed.text_embedder.linear_2"),
    Row("guidance_in.in_layer", "time_text_embed.guidance_embedder.linear_1"),
    Row("guidance_in.out_layer", "time_text_embed.guidance_embedder.linear_2"),
    Row("final_layer.linear", "proj_out"),
  ]

  /// A module of the original, and the modules of diffusers that hold its rows, one after
  /// the other.
  struct Module: Hashable {
    let original: String
    let parts: [String]
    /// What the rows of the parts are to each other.
    let proportions: [Int]
  }

  /// The module of the original that holds the rows of this one of diffusers; nil for what
  /// is no module of Flux.
  static func module(holding path: String) -> Module? {
    if let row = others.first(where: { $0.diffusers == [path] }) {
      return Module(original: row.original, parts: row.diffusers, proportions: [1])
    }
    let segments = path.dottedSegments
    guard segments.count > 2, let block = blocks.first(where: { segments[0] == $0.diffusers })
    else { return nil }
    let rest = segments.dropFirst(2).joined(separator: ".")
    guard let row = block.modules.first(where: { $0.diffusers.contains(rest) }) else { return nil }
    return Module(
      original: "\(block.original).\(segments[1]).\(row.original)",
      parts: row.diffusers.map { "\(block.diffusers).\(segments[1]).\($0)" },
      // A hidden layer is four times as wide as what it reads.
      proportions: row.diffusers.map { $0 == "proj_mlp" ? 4 : 1 })
  }

  /// What the original calls the module of which this path of diffusers is the first
  /// part, and where all of it is; nil for a further part and for what is no module of
  /// Flux.
  static func original(_ path: String) -> (path: String, place: BasePlace)? {
    guard let module = module(holding: path), module.parts[0] == path else { return nil }
    let weights = module.parts.map { "\($0).weight" }
    return (module.original, weights.count == 1 ? .whole(weights[0]) : .parts(weights))
  }

  /// Whether modules are those of Flux, as far as they and the names of a base tell; nil
  /// where they could be of Stable Diffusion 3 as well, which has the same double blocks.
  static func isShown(by paths: [String], base: KeyList?) -> Bool? {
    guard paths.allSatisfy({ module(holding: $0) != nil || exchanged.contains($0) }),
      paths.contains(where: { $0.contains("transformer_blocks.") })
    else { return false }
    if let base {
      return ["single_transformer_blocks.0.proj_mlp.weight", "x_embedder.weight"].allSatisfy {
        end in
        base.names.contains { $0.hasSuffix(end) }
      }
    }
    return paths.contains { $0.hasPrefix("single_transformer_blocks.") } ? true : nil
  }

  /// The path within its block.
  static func inBlock(_ path: String) -> String {
    path.dottedSegments.dropFirst(2).joined(separator: ".")
  }

  /// The module of which diffusers exchanges the halves.
  static let exchanged = ["norm_out.linear"]
}
