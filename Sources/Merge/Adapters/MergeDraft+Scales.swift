import Compute
import Formats
import Inspect

/// Bases whose weights are FP8 with scales.
extension MergeDraft {
  func scales(of weight: TensorRecord) throws(CheckpointError) -> WeightScales? {
    try scheme.scales(of: weight)
  }

  /// PEFT merges into no quantised weights, so there are no roundings of its own.
  func numerics(for scales: WeightScales?) -> Numerics { scales == nil ? numerics : .exact }

  /// Adds the scales of the quantised tensors, as they are after all steps.
  mutating func fitScales() throws(CheckpointError) {
    var names: [String] = []
    for update in updates.values {
      if update.isReplacement { try checkReplacement(update) }
      guard let scales = update.scales else { continue }
      names.append(update.base.name)
      updates[ExactName(scales.record.name)] = .scales(scales, of: update)
    }
    guard let first = names.min() else { return }
    let type = updates[ExactName(first)]?.base.type.name ?? ""
    base.note(
      Finding(
        .note, .quantisedBase, tensors: NaturalOrder.sorted(names),
        "\(FoldedKeys.summary(of: names, "tensor")) of the base \(names.count == 1 ? "is" : "are") "
          + "\(type) with scales: multiplied with them, updated and quantised again in the same "
          + "scheme; a scale grows where the result does not fit"))
  }

  /// What an adapter carries whole has no scales.
  private func checkReplacement(_ update: TensorUpdate) throws(CheckpointError) {
    guard let original = base.originals[ExactName(update.base.name)],
      try scales(of: original) != nil
    else { return }
    throw CheckpointError(
      path: base.checkpoint.path, tensor: original.name,
      "is \(original.type.name) with scales, which do not belong to the values that an adapter "
        + "puts in its place",
      fix: "merge into the model that was quantised, then quantise the result")
  }
}
