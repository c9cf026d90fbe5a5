import Formats
import Inspect

/// Embeddings that a model uses twice, for its input and for its output.
///
/// Their file usually holds them once. An adapter that changes one of the two parts
/// them: both are written and the configuration says so, or a loader would tie them
/// again and lose the change.
struct TiedWeights {
  /// The tensor of the input.
  let input: String
  /// The tensor of the output, whether the file has it or not.
  let output: String

  /// Nil where the base has no tied embeddings.
  init?(_ base: Checkpoint) throws(CheckpointError) {
    let inputs = base.records.map(\.name).filter(EmbeddingNames.isInput)
    let outputs = base.records.map(\.name).filter(EmbeddingNames.isOutput)
    guard inputs.count == 1, outputs.count <= 1 else { return nil }
    var isTied: Bool?
    if let file = base.sideFile("config.json") {
      let document = try InputFile.json(at: file.path)
      isTied =
        (document["tie_word_embeddings"] ?? document["text_config"]?["tie_word_embeddings"])?
        .bool
    }
    // Without a word in the configuration only a file without an output shows it.
    guard isTied ?? outputs.isEmpty else { return nil }
    input = inputs[0]
    output = outputs.first ?? Self.outputName(for: inputs[0])
  }

  private static let outputNames = [
    "embed_in.weight": "embed_out.weight", "tok_embeddings.weight": "output.weight",
  ]

  private static func outputName(for input: String) -> String {
    let last = input.split(separator: ".").suffix(2).joined(separator: ".")
    let name = outputNames[last] ?? "lm_head.weight"
    // The language model inside a model of several parts keeps its own head.
    let lead = "language_model.model."
    return input.hasPrefix(lead) ? "language_model.\(name)" : name
  }

  /// Whether an adapter changes one of the two tensors alone.
  func isParted(by adapter: Adapter) -> Bool {
    let modules = Set(adapter.modules.map { "\($0.target).weight" })
    if modules.contains(input) || modules.contains(output) { return true }
    let replaced = Set(adapter.replacements.filter { $0.kind != .tokenRows }.map(\.target))
    return replaced.contains(output)
  }
}

extension MergeBase {
  /// Writes both of two tied tensors where an adapter changes one of them, before any
  /// tensor is replaced. With `keepsTied` the one tensor gets what is meant for either, as
  /// with PEFT; then returns which they are, for the output to be dropped in the end.
  mutating func part(_ adapters: [Adapter], keepsTied: Bool) throws(CheckpointError) -> TiedWeights?
  {
    guard let tied = try TiedWeights(checkpoint),
      let adapter = adapters.first(where: { tied.isParted(by: $0) })
    else { return nil }
    if !checkpoint.records.contains(where: { $0.name == tied.output }),
      var record = checkpoint.records.first(where: { $0.name == tied.input })
    {
      record.name = tied.output
      append(record)
    }
    if keepsTied {
      note(
        Finding(
          .warning, .tiedWeights, tensors: [tied.input],
          "\(tied.output) is tied to \(tied.input), and \(adapter.path) changes one of them: with "
            + "--keep-tied both change"))
      return tied
    }
    edit(
      ConfigurationEdit("tie_word_embeddings", .bool(false), isAdded: true),
      Finding(
        .note, .tiedWeights, tensors: [tied.input, tied.output],
        "\(tied.output) was tied to \(tied.input), and \(adapter.path) changes one of them: both "
          + "are written, and config.json says tie_word_embeddings false",
        fix: nil))
    return nil
  }
}
