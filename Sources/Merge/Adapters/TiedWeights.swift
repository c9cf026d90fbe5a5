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
  /// The bias of an output that is tied to another tensor.
  let bias: (name: String, source: String)?

  /// Nil where the base has no tied embeddings.
  init?(_ base: Checkpoint) throws(CheckpointError) {
    let inputs = base.records.map(\.name).filter(EmbeddingNames.isInput)
    let outputs = base.records.map(\.name).filter(EmbeddingNames.isOutput)
    guard inputs.count == 1, outputs.count <= 1 else { return nil }
    var isTied: Bool?
    var architecture: String?
    if let file = base.sideFile("config.json") {
      let document = try InputFile.json(at: file.path)
      isTied =
        (document["tie_word_embeddings"] ?? document["text_config"]?["tie_word_embeddings"])?
        .bool
      architecture = document["architectures"]?.array?.first?.string
    }
    // Without a word in the configuration only a file without an output shows it.
    guard isTied ?? outputs.isEmpty else { return nil }
    guard
      let head = OutputHead(
        tiedTo: inputs[0], names: base.records.lazy.map(\.name), architecture: architecture)
    else { return nil }
    input = inputs[0]
    output = outputs.first ?? head.weight
    bias = outputs.isEmpty ? head.bias : nil
  }

  /// Whether an adapter changes one of the two tensors alone.
  func isParted(by adapter: Adapter) -> Bool {
    let modules = Set(adapter.modules.map { "\($0.target).weight" })
    if modules.contains(input) || modules.contains(output) { return true }
    let replaced = Set(adapter.replacements.filter { $0.kind != .tokenRows }.map(\.target))
    return replaced.contains(output)
  }

  /// Whether PEFT gave the output a copy of its own to train.
  func isSaved(by adapter: Adapter) -> Bool {
    let names = adapter.configuration?.modulesToSave ?? []
    let module = output.dropLast(".weight".count)
    return names.contains { module == $0 || module.hasSuffix(".\($0)") }
      && adapter.replacements.contains { $0.target == output }
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
    append(copyOf: tied.input, as: tied.output)
    if keepsTied {
      if let saved = adapters.first(where: { tied.isSaved(by: $0) }) {
        throw CheckpointError(
          path: saved.path, tensor: tied.output,
          "is replaced as a whole, so that it cannot stay tied to \(tied.input)",
          fix: "leave out --keep-tied")
      }
      note(
        Finding(
          .warning, .tiedWeights, tensors: [tied.input],
          "\(tied.output) is tied to \(tied.input), and \(adapter.path) changes one of them: with "
            + "--keep-tied both change"))
      return tied
    }
    if let bias = tied.bias { append(copyOf: bias.source, as: bias.name) }
    edit(
      ConfigurationEdit("tie_word_embeddings", .bool(false), isAdded: true),
      Finding(
        .note, .tiedWeights, tensors: [tied.input, tied.output],
        "\(tied.output) was tied to \(tied.input), and \(adapter.path) changes one of them: both "
          + "are written, and config.json says tie_word_embeddings false",
        fix: nil))
    return nil
  }

  /// Adds a tensor under another name, unless that is there.
  private mutating func append(copyOf source: String, as name: String) {
    guard !checkpoint.records.contains(where: { $0.name == name }),
      var record = checkpoint.records.first(where: { $0.name == source })
    else { return }
    record.name = name
    append(record)
  }
}
