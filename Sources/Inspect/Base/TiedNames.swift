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
    shared =
      only { name in
        Self.sharedInputs.contains { Self.ends(name, $0.input) && !$0.isCopy(name) }
          && !Self.copies(of: name, in: names).isEmpty
      } ?? only { Self.ends($0, "shared.weight") }
    input =
      shared ?? only { Self.ends($0, "decoder.embed_tokens.weight") }
      ?? only { EmbeddingNames.isInput($0) || Self.ends($0, "word_embeddings.weight") }
      // Of an encoder and a decoder that are joined, the one that has an output.
      ?? only { $0.hasPrefix("decoder.") && EmbeddingNames.isInput($0) }
    output = only(EmbeddingNames.isOutput)
  }

  /// The tensor of the checkpoint that the parameter shares, if it has one.
  func source(of name: String) -> String? {
    if let source = Self.biasSource(of: name) {
      return names.contains(ExactName(source)) ? source : nil
    }
    if Self.sharedInputs.contains(where: { $0.isCopy(name) }) { return shared ?? output }
    // Files of a few models hold the output.
    if EmbeddingNames.isInput(name) { return output }
    let isOutput =
      EmbeddingNames.isOutput(name) || Self.outputs.contains { Self.ends(name, $0) }
    return isOutput ? input : nil
  }

  /// The bias of which that of an output of several layers is a second name.
  static func biasSource(of name: String) -> String? {
    for head in OutputHead.masked {
      if let source = head.bias, ends(name, "\(head.module).bias") {
        return "\(name.dropLast(head.module.count + ".bias".count))\(source)"
      }
    }
    return nil
  }

  /// Whether every model with the two names ties them, whatever its configuration says.
  static func isAlways(_ name: String, tiedTo source: String) -> Bool {
    sharedInputs.contains { $0.isCopy(name) && ends(source, $0.input) }
  }

  /// What the encoder and the decoder of a model with such names call an input that they
  /// share.
  static func copies(of input: String, in names: [String]) -> [String] {
    for row in sharedInputs where ends(input, row.input) {
      let parent = input.dropLast(row.input.count)
      let parts = SharedInput.parts.filter { part in
        names.contains { $0.hasPrefix("\(parent)\(part).") }
      }
      guard parts.count >= row.partCount else { continue }
      return parts.map { "\(parent)\($0).\(row.copy)" }
    }
    return []
  }

  /// An input that an encoder and a decoder have under names of their own.
  private struct SharedInput {
    static let parts = ["encoder", "decoder"]

    let input: String
    let copy: String
    /// How many of the two parts the model has at least.
    let partCount: Int

    func isCopy(_ name: String) -> Bool {
      Self.parts.contains { TiedNames.ends(name, "\($0).\(copy)") }
    }
  }

  private static let sharedInputs = [
    SharedInput(input: "shared.weight", copy: "embed_tokens.weight", partCount: 1),
    // An encoder by itself has its only embedding under this name.
    SharedInput(input: "word_embeddings.weight", copy: "word_embeddings.weight", partCount: 2),
  ]

  /// Outputs beyond those that a merge knows.
  private static let outputs =
    OutputHead.masked.map { "\($0.module).weight" } + [
      "output_projection.weight", "lm_head.out_proj.weight", "lm_loss.weight",
    ]

  /// Whether the name ends so at the beginning of a segment, or after an underscore:
  /// `text_decoder.embed_tokens.weight` has what `decoder.embed_tokens.weight` has.
  private static func ends(_ name: String, _ ending: String) -> Bool {
    guard name.hasSuffix(ending) else { return false }
    let before = name.utf8.dropLast(ending.utf8.count).last
    return before.map { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "_") } ?? true
  }
}
