import Formats

/// What is known of whether a model has one tensor for its input and its output.
struct EmbeddingTie {
  /// Nil where nothing says it.
  private(set) var isTied: Bool?
  /// The configuration that says it.
  private(set) var witness = "config.json"

  init() {}

  /// As the configuration of the base says, or without a base that of the checkpoint.
  init(base: Checkpoint?, checkpoint: Checkpoint) {
    isTied = (try? ModelConfiguration(beside: base ?? checkpoint))?.tiesEmbeddings
    witness =
      base.map { "config.json of the base \($0.path.printable)" }
      ?? "config.json beside \(checkpoint.path.printable)"
  }

  /// Whether the two names are of one tensor.
  func ties(_ name: String, to source: String) -> Bool? {
    TiedNames.isAlways(name, tiedTo: source) ? true : isTied
  }
}
