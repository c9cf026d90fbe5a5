import Formats

/// The names by which models know one tensor twice: their own parameters have both, their
/// file holds it under one.
///
/// transformers gives such a parameter its tensor when it loads; torch's strict
/// `load_state_dict` wants it by name.
struct TiedNames {
  private let names: [String]

  /// For the names that a checkpoint holds.
  init(_ names: [String]) { self.names = names }

  /// The tensor of the checkpoint that the parameter shares, if it has one.
  func source(of name: String) -> String? {
    if let row = Self.biases.first(where: { Self.ends(name, $0.copy) }) {
      let source = name.dropLast(row.copy.count) + row.source
      return names.first { $0 == source }
    }
    if Self.embeddings.contains(where: { Self.ends(name, $0) }) { return held(["shared.weight"]) }
    // Files of a few models hold the output.
    if EmbeddingNames.isInput(name) { return names.filter(EmbeddingNames.isOutput).only }
    guard EmbeddingNames.isOutput(name) || Self.outputs.contains(where: { Self.ends(name, $0) })
    else { return nil }
    return held(["shared.weight"]) ?? held(["decoder.embed_tokens.weight"])
      ?? names.filter { EmbeddingNames.isInput($0) || Self.ends($0, "word_embeddings.weight") }.only
  }

  /// Whether every model with the two names ties them, whatever its configuration says.
  static func isAlways(_ name: String, tiedTo source: String) -> Bool {
    ends(source, "shared.weight") && embeddings.contains { ends(name, $0) }
  }

  /// The input embeddings of encoder and decoder, for the names of a model that shares one.
  static func sharedCopies(in names: [String]) -> [(name: String, source: String)] {
    guard let source = names.filter({ ends($0, "shared.weight") }).only else { return [] }
    let parent = source.dropLast("shared.weight".count)
    return embeddings.compactMap { ending in
      let part = "\(parent)\(ending.prefix { $0 != "." })."
      return names.contains { $0.hasPrefix(part) } ? ("\(parent)\(ending)", source) : nil
    }
  }

  /// Biases of outputs that have more than one layer.
  private static let biases = [
    (copy: "predictions.decoder.bias", source: "predictions.bias"),
    (copy: "lm_head.decoder.bias", source: "lm_head.bias"),
  ]

  /// The input embeddings of models with an encoder and a decoder, which share one.
  private static let embeddings = [
    "encoder.embed_tokens.weight", "decoder.embed_tokens.weight",
  ]

  /// Outputs beyond those that a merge knows.
  private static let outputs = [
    "predictions.decoder.weight", "lm_head.decoder.weight", "vocab_projector.weight",
    "generator_lm_head.weight", "proj_out.weight", "output_projection.weight",
    "lm_head.out_proj.weight", "lm_loss.weight",
  ]

  private func held(_ endings: [String]) -> String? {
    names.filter { name in endings.contains { Self.ends(name, $0) } }.only
  }

  /// Whether the name ends so at the beginning of a segment, or after an underscore:
  /// `text_decoder.embed_tokens.weight` has what `decoder.embed_tokens.weight` has.
  private static func ends(_ name: String, _ ending: String) -> Bool {
    name == ending || name.hasSuffix(".\(ending)") || name.hasSuffix("_\(ending)")
  }
}

extension Array {
  /// The element of an array that has no other.
  fileprivate var only: Element? { count == 1 ? self[0] : nil }
}
