import Formats
import Inspect

extension MergeBase {
  /// Gives an output that was parted from its embedding the base layer of another size
  /// that an adapter brings for the embedding: in training it was the same tensor.
  mutating func resizeOutput(of tied: TiedWeights, with adapters: [Adapter]) throws(CheckpointError)
  {
    guard let original = originals[ExactName(tied.input)] else { return }
    let parted = tied.others.filter { name in
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

  /// Writes a tied tensor under all its names where an adapter changes it under one of them,
  /// before any tensor is replaced. With `keepsTied` the one tensor gets what is meant for
  /// any, as with PEFT; then returns the names, for the others to be dropped in the end.
  mutating func part(_ tied: TiedWeights, by adapters: [Adapter], keepsTied: Bool)
    throws(CheckpointError) -> TiedWeights?
  {
    guard let adapter = adapters.first(where: { !tied.parted(by: $0).isEmpty }) else { return nil }
    let isOfSeveral = Set(adapters.flatMap(tied.parted)).count > 1
    let names = tied.others.joined(separator: ", ")
    let isPair = tied.others.count == 1
    for (name, source) in tied.names { append(copyOf: source, as: name) }
    if keepsTied {
      for adapter in adapters {
        guard let saved = tied.saved(by: adapter) else { continue }
        throw CheckpointError(
          path: adapter.path, tensor: saved,
          "is replaced as a whole, so that it cannot stay tied to \(tied.input)",
          fix: "leave out --keep-tied")
      }
      note(
        Finding(
          .warning, .tiedWeights, tensors: [tied.input],
          "\(names) \(isPair ? "is" : "are") tied to \(tied.input), and "
            + "\(adapter.path) changes \(isOfSeveral ? "each by itself" : "one of them"): with "
            + "--keep-tied "
            + (isOfSeveral
              ? "the one tensor gets \(isPair ? "both changes" : "every change"), as with PEFT"
              : "\(isPair ? "both" : "all") change")))
      return tied
    }
    var said: [String] = []
    for (field, value, isNewOnly) in tied.partedFields {
      // A field that has to be new stays where it stands: null is what it never is.
      edit(ConfigurationEdit(field, value, instead: isNewOnly ? .null : nil, isAdded: true))
      said.append("\(field) \(value.bool == true)")
    }
    note(
      Finding(
        .note, .tiedWeights, tensors: [tied.input] + tied.others,
        "\(names) \(isPair ? "was" : "were") tied to \(tied.input), and "
          + "\(adapter.path) changes \(isOfSeveral ? "each by itself" : "one of them"): "
          + (isPair ? "both are written" : "each is written")
          + (said.isEmpty ? "" : ", and config.json says \(said.joined(separator: " and "))")))
    return nil
  }
}
