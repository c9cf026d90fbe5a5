/// The modules of Stable Diffusion's UNet (1, 2 and XL) in both of its layouts: the
/// original one, which kohya's scripts use for SDXL, and that of diffusers.
enum UNetNames {
  /// Three blocks of the original's flat lists make one of diffusers.
  private static let blockCount = 4

  private typealias Beginning = (original: String, diffusers: String)

  /// Beginnings of paths, in the original's names and in those of diffusers.
  private static let beginnings: [Beginning] =
    [
      ("time_embed.0", "time_embedding.linear_1"), ("time_embed.2", "time_embedding.linear_2"),
      ("label_emb.0.0", "add_embedding.linear_1"), ("label_emb.0.2", "add_embedding.linear_2"),
      ("input_blocks.0.0", "conv_in"), ("out.0", "conv_norm_out"), ("out.2", "conv_out"),
      ("middle_block.0", "mid_block.resnets.0"), ("middle_block.1", "mid_block.attentions.0"),
      ("middle_block.2", "mid_block.resnets.1"),
    ] + (0..<blockCount).flatMap { down($0) + up($0) }

  private static func down(_ block: Int) -> [Beginning] {
    let start = 3 * block + 1
    var rows: [Beginning] = []
    for layer in 0..<2 {
      rows += layers("input_blocks.\(start + layer)", "down_blocks.\(block)", layer)
    }
    rows.append(("input_blocks.\(start + 2).0.op", "down_blocks.\(block).downsamplers.0.conv"))
    return rows
  }

  private static func up(_ block: Int) -> [Beginning] {
    let start = 3 * block
    var rows: [Beginning] = []
    for layer in 0..<3 {
      rows += layers("output_blocks.\(start + layer)", "up_blocks.\(block)", layer)
    }
    // Its place depends on whether there is attention before it.
    for place in 1...2 {
      rows.append(
        ("output_blocks.\(start + 2).\(place).conv", "up_blocks.\(block).upsamplers.0.conv"))
    }
    return rows
  }

  private static func layers(_ original: String, _ diffusers: String, _ layer: Int) -> [Beginning] {
    [
      ("\(original).0", "\(diffusers).resnets.\(layer)"),
      ("\(original).1", "\(diffusers).attentions.\(layer)"),
    ]
  }

  /// What the two call the layers inside a residual block.
  private static let residualLayers: [(original: String, diffusers: String)] = [
    ("in_layers.0", "norm1"), ("in_layers.2", "conv1"), ("emb_layers.1", "time_emb_proj"),
    ("out_layers.0", "norm2"), ("out_layers.3", "conv2"), ("skip_connection", "conv_shortcut"),
  ]

  private static let fromOriginal = Dictionary(
    beginnings.map { ($0.original, $0.diffusers) }, uniquingKeysWith: { first, _ in first })
  private static let toOriginal = Dictionary(grouping: beginnings) { $0.diffusers }
  private static let longestBeginning = 4

  /// The module in the names of diffusers; nil for one that the original has not got.
  static func diffusers(_ original: String) -> String? {
    let segments = original.dottedSegments
    for count in stride(from: min(longestBeginning, segments.count), to: 0, by: -1) {
      guard let start = fromOriginal[segments.prefix(count).joined(separator: ".")] else {
        continue
      }
      let rest = segments.dropFirst(count).joined(separator: ".")
      guard start.contains(".resnets.") else { return joined(start, rest) }
      return residualLayers.first { $0.original == rest }.map { joined(start, $0.diffusers) }
    }
    return nil
  }

  /// What the module may be called in the original: one name, or two for an upsampler.
  static func originals(_ diffusers: String) -> [String] {
    let segments = diffusers.dottedSegments
    for count in stride(from: min(longestBeginning + 1, segments.count), to: 0, by: -1) {
      guard let starts = toOriginal[segments.prefix(count).joined(separator: ".")] else {
        continue
      }
      let rest = segments.dropFirst(count).joined(separator: ".")
      return starts.compactMap { start in
        guard start.diffusers.contains(".resnets.") else { return joined(start.original, rest) }
        return residualLayers.first { $0.diffusers == rest }
          .map { joined(start.original, $0.original) }
      }
    }
    return []
  }

  private static func joined(_ start: String, _ rest: String) -> String {
    rest.isEmpty ? start : "\(start).\(rest)"
  }
}
