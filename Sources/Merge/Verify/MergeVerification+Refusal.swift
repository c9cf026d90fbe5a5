import Formats
import Inspect

extension MergeVerification {
  /// Says why nothing of `merged` can be held against what the plan makes.
  static func nothingToCompare(
    _ planned: [PlannedTensor], _ base: Checkpoint, _ merged: Checkpoint
  ) -> CheckpointError {
    switch (try? Adapter.read(merged))?.kind {
    case .wrappedCheckpoint?:
      return CheckpointError(
        path: merged.path,
        "still holds an adapter beside its base, so that nothing is merged in it; expected the "
          + "merged model",
        fix: "tenon merge \(shellQuoted(merged.path)) -o OUT")
    case let kind?:
      return CheckpointError(
        path: merged.path, "is an adapter (\(kind.rawValue)); expected the merged model")
    case nil: break
    }
    let targets = planned.filter(\.isTarget)
    let positions = merged.positions()
    for target in targets {
      guard let position = positions[target.name] else { continue }
      let (found, expected) = (merged.records[position].shape, target.shape)
      if found == expected { return otherType(merged.records[position], target, base, merged) }
      let isVocabulary = found.dropFirst() == expected.dropFirst()
      return CheckpointError(
        path: merged.path, tensor: target.name,
        "has shape \(found), where base and adapter make \(expected)"
          + (isVocabulary && EmbeddingNames.isOfTokens(target.name)
            ? ": the adapter was trained with another vocabulary, which this model has not got"
            : "")
      )
    }
    let names = targets.map(\.name)
    return CheckpointError(
      path: merged.path,
      "holds none of the \(names.count) tensors that the adapter changes in their shapes, "
        + "\(names.first?.quoted ?? "") for one; expected the names of the base",
      fix: "tenon remap \(shellQuoted(merged.path)) -o RENAMED --to-match \(shellQuoted(base.path))"
    )
  }

  /// A tensor that cannot be compared for its type alone: mostly of a model that was
  /// dequantised before the merge.
  private static func otherType(
    _ record: TensorRecord, _ target: PlannedTensor, _ base: Checkpoint, _ merged: Checkpoint
  ) -> CheckpointError {
    var isScaled = false
    if case .update(let update) = target.operation { isScaled = update.scales != nil }
    guard isScaled else {
      return CheckpointError(
        path: merged.path, tensor: record.name,
        "is \(record.type.name), where base and adapter make \(target.type.name), and the two "
          + "cannot be compared")
    }
    return CheckpointError(
      path: merged.path, tensor: record.name,
      "is \(record.type.name), where base and adapter make \(target.type.name) with scales: it was "
        + "merged into a base without them",
      fix: "dequantise \(shellQuoted(base.path)), as transformers does with dequantize=True, save "
        + "that, and name it as the base")
  }
}
