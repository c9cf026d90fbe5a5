import Formats
import Inspect

extension MergeBase {
  /// Brings the configuration and the output in line with an embedding of another
  /// number of tokens.
  mutating func settleVocabulary(tied: TiedWeights?) throws(CheckpointError) {
    for (name, original) in originals where EmbeddingNames.isInput(name.text) {
      guard let record = checkpoint.records.first(where: { $0.name == name.text }),
        record.shape[0] != original.shape[0]
      else { continue }
      let (old, new) = (original.shape[0], record.shape[0])
      let other = checkpoint.records.first {
        (EmbeddingNames.isOutput($0.name) || EmbeddingNames.isOutputBias($0.name))
          && $0.shape.first != new
      }
      if let other {
        throw CheckpointError(
          path: checkpoint.path, tensor: other.name,
          "has \(other.shape[0]) rows, but the adapter's \(name.text) has \(new), and the adapter "
            + "brings no output of that size",
          fix: "save the adapter with save_embedding_layers=True")
      }
      edit(
        ConfigurationEdit("vocab_size", .number("\(new)"), instead: .number("\(old)")),
        Finding(
          .note, .vocabularyMismatch, tensors: [name.text],
          "the adapter brings an embedding of \(new) tokens, where the base has \(old): "
            + "vocab_size of config.json becomes \(new)"))
    }
    try checkOutputs()
  }

  /// Takes the tokenizer of the adapter whose embedding, of another number of tokens, the
  /// result has: that of the base does not know what the new rows stand for.
  mutating func takeTokenizer(from adapters: [WeightedAdapter]) {
    let resized = originals.first { name, original in
      EmbeddingNames.isInput(name.text)
        && checkpoint.records.contains {
          $0.name == name.text && $0.shape.first != original.shape.first
        }
    }
    guard let path = resized.flatMap({ replacer(of: $0.key) }) else { return }
    let files = adapters.first { $0.adapter.path == path }?.tokenizer ?? []
    guard files.contains(where: \.isVocabulary) else {
      guard checkpoint.sideFiles.contains(where: \.isVocabulary) else { return }
      note(
        Finding(
          .warning, .missingSideFile,
          "no tokenizer lies beside \(path), which brings an embedding of another number of tokens: "
            + "that of the base is taken, which does not know tokens that the training added"))
      return
    }
    takeFiles(files, inPlaceOf: \.isOfTokenizer)
    note(
      Finding(
        .note, .vocabularyMismatch,
        "the tokenizer is the one beside the adapter \(path), as the tokens are: "
          + files.map(\.name).joined(separator: ", ")))
  }

  /// An output of more tokens than the embedding has would make a model that nothing
  /// loads.
  private func checkOutputs() throws(CheckpointError) {
    for (name, original) in originals where EmbeddingNames.isOutput(name.text) {
      guard let rows = checkpoint.records.first(where: { $0.name == name.text })?.shape.first,
        rows != original.shape.first,
        let input = checkpoint.records.first(where: {
          EmbeddingNames.isInput($0.name) && $0.shape.first != rows
        })
      else { continue }
      throw CheckpointError(
        path: checkpoint.path, tensor: input.name,
        "has \(input.shape[0]) rows, but the adapter's \(name.text) has \(rows), and the adapter "
          + "brings no embedding of that size",
        fix: "resize the base with resize_token_embeddings, save it, and merge into that")
    }
  }
}
