import Formats
import Inspect

extension MergeBase {
  /// Gives an output that was parted from its embedding the base layer of another size
  /// that an adapter brings for the embedding: in training it was the same tensor.
  mutating func resizeOutput(of tied: TiedWeights, with adapters: [Adapter]) throws(CheckpointError)
  {
    guard let original = originals[ExactName(tied.input)] else { return }
    let parted = ([tied.output] + tied.copies).filter { name in
      originals[ExactName(name)] == nil && checkpoint.records.contains { $0.name == name }
    }
    var positions = checkpoint.positions()
    for adapter in adapters {
      for resized in adapter.replacements
      where resized.kind == .baseLayer && resized.target == tied.input
        && resized.record.shape != original.shape
      {
        for name in parted {
          try replace(resized.inPlace(of: name), of: adapter, &positions)
        }
      }
    }
  }

  /// Writes both of two tied tensors where an adapter changes one of them, before any
  /// tensor is replaced. With `keepsTied` the one tensor gets what is meant for either, as
  /// with PEFT; then returns which they are, for the output to be dropped in the end.
  mutating func part(_ tied: TiedWeights, by adapters: [Adapter], keepsTied: Bool)
    throws(CheckpointError) -> TiedWeights?
  {
    guard let adapter = adapters.first(where: { !tied.parted(by: $0).isEmpty }) else { return nil }
    let isOfBoth = Set(adapters.flatMap(tied.parted)).count > 1
    let change = "\(adapter.path) changes \(isOfBoth ? "each by itself" : "one of them")"
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
          "\(tied.output) is tied to \(tied.input), and \(change): with --keep-tied "
            + (isOfBoth ? "the one tensor gets both changes, as with PEFT" : "both change")))
      return tied
    }
    for copy in tied.copies { append(copyOf: tied.input, as: copy) }
    if let bias = tied.bias { append(copyOf: bias.source, as: bias.name) }
    var said: [String] = []
    for (field, value, isNewOnly) in tied.partedFields {
      // A field that has to be new stays where it stands: null is what it never is.
      edit(ConfigurationEdit(field, value, instead: isNewOnly ? .null : nil, isAdded: true))
      said.append("\(field) \(value.bool == true)")
    }
    note(
      Finding(
        .note, .tiedWeights, tensors: [tied.input, tied.output] + tied.copies,
        "\(tied.output) was tied to \(tied.input), and \(change): "
          + (["both"] + tied.copies).joined(separator: ", ") + " are written"
          + (said.isEmpty ? "" : ", and config.json says \(said.joined(separator: " and "))")))
    return nil
  }
}
