/// Where a model keeps its embeddings, by the ends of their names.
public enum EmbeddingNames {
  private static let input = [
    "embed_tokens.weight", "wte.weight", "tok_embeddings.weight", "word_embeddings.weight",
    "embed_in.weight", "shared.weight",
  ]
  private static let output = ["lm_head.weight", "embed_out.weight", "output.weight"]

  public static func isInput(_ name: String) -> Bool { ends(name, input) }

  /// `output.weight` is the head only at the top: BERT has one in every layer.
  public static func isOutput(_ name: String) -> Bool {
    guard ends(name, output) else { return false }
    guard name.hasSuffix("output.weight") else { return true }
    return name == "output.weight" || name == "language_model.output.weight"
  }

  private static func ends(_ name: String, _ endings: [String]) -> Bool {
    endings.contains { name == $0 || name.hasSuffix(".\($0)") }
  }
}
