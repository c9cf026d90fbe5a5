/// Where a model keeps its embeddings, by the ends of their names.
public enum EmbeddingNames {
  private static let input = [
    "embed_tokens.weight", "wte.weight", "tok_embeddings.weight", "word_embeddings.weight",
    "embed_in.weight", "shared.weight",
  ]
  private static let output =
    ["lm_head.weight", "embed_out.weight", "output.weight"]
    + OutputHead.masked.filter(\.isAlwaysOutput).map { "\($0.module).weight" }

  public static func isInput(_ name: String) -> Bool { ends(name, input) }

  /// `output.weight` is the head only at the top: BERT has one in every layer.
  public static func isOutput(_ name: String) -> Bool {
    guard ends(name, output) else { return false }
    guard name.hasSuffix("output.weight") else { return true }
    return name == "output.weight" || name == "language_model.output.weight"
  }

  /// Whether the name is that of an output's bias, which has one number for each token.
  public static func isOutputBias(_ name: String) -> Bool {
    guard name.hasSuffix("bias") else { return false }
    return isOutput(name.dropLast("bias".count) + "weight")
      || ends(name, OutputHead.masked.compactMap(\.bias))
  }

  /// Whether its first axis is of tokens.
  public static func isOfTokens(_ name: String) -> Bool {
    isInput(name) || isOutput(name) || isOutputBias(name)
  }

  private static func ends(_ name: String, _ endings: [String]) -> Bool {
    endings.contains { name == $0 || name.hasSuffix(".\($0)") }
  }
}
