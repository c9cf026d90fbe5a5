import Formats

/// The names by which models know one tensor twice: their own parameters have both, their
/// file holds it under one.
///
/// transformers gives such a parameter its tensor when it loads; torch's strict
/// `load_state_dict` wants it by name.
struct TiedNames {
  private let names: Set<ExactName>
  /// The embedding of a model with an encoder and a decoder, where there is only one.
  private let shared: String?
  /// What an output is tied to.
  private let input: String?
  private let output: String?

  /// For the names that a checkpoint holds.
  init(_ names: [String]) {
    func only(_ isWanted: (String) -> Bool) -> String? {
      let found = names.filter(isWanted).prefix(2)
      return found.count == 1 ? found.first : nil
    }
    self.names = Set(names.map(ExactName.init))
    shared = only { Self.ends($0, "shared.weight") }
    input =
      shared ?? only { Self.ends($0, "decoder.embed_tokens.weight") }
      ?? only { EmbeddingNames.isInput($0) || Self.ends($0, "word_embeddings.weight") }
    output = only(EmbeddingNames.isOutput)
  }

  /// The tensor of the checkpoint that the parameter shares, if it has one.
  func source(of name: String) -> String? {
    if let row = Self.biases.first(where: { Self.ends(name, $0.copy) }) {
      let source = "\(name.dropLast(row.copy.count))\(row.source)"
      return names.contains(ExactName(source)) ? source : nil
    }
    if Self.embeddings.contains(where: { Self.ends(name, $0) }) { return shared ?? output }
    // Files of a few models hold the output.
    if EmbeddingNames.isInput(name) { return output }
    let isOutput =
      EmbeddingNames.isOutput(name) || Self.outputs.contains { Self.ends(name, $0) }
    return isOutput ? input : nil
  }

  /// Whether every model with the two names ties them, whatever its configuration says.
  static func isAlways(_ name: String, tiedTo source: String) -> Bool {
    ends(source, "shared.weight") && embeddings.contains { ends(name, $0) }
  }

  /// The input embeddings of encoder and decoder, for the names of a model that shares one.
  static func sharedCopies(in names: [String]) -> [(name: String, source: String)] {
    let sources = names.filter { ends($0, "shared.weight") }
    guard sources.count == 1, let source = sources.first else { return [] }
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

  /// Whether the name ends so at the beginning of a segment, or after an underscore:
  /// `text_decoder.embed_tokens.weight` has what `decoder.embed_tokens.weight` has.
  private static func ends(_ name: String, _ ending: String) -> Bool {
    guard name.hasSuffix(ending) else { return false }
    let before = name.utf8.dropLast(ending.utf8.count).last
    return before.map { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "_") } ?? true
  }
}
