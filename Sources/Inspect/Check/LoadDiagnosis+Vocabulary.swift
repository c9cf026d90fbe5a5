import Formats

/// Embeddings of another number of tokens.
extension LoadDiagnosis {
  /// One finding for each change of the number: all the tensors have it from one cause.
  func vocabularyFindings(_ mismatches: [StrictLoad.Mismatch]) -> [Finding] {
    var order: [VocabularyChange] = []
    var members: [VocabularyChange: [String]] = [:]
    for mismatch in mismatches {
      guard let change = VocabularyChange(mismatch) else { continue }
      if members[change] == nil { order.append(change) }
      members[change, default: []].append(mismatch.name)
    }
    return order.map { finding($0, members[$0] ?? []) }
  }

  private func finding(_ change: VocabularyChange, _ names: [String]) -> Finding {
    let adapter = inspection.kind == .wrappedCheckpoint ? nil : inspection.adapter
    let isGrown = adapter?.brings(EmbeddingNames.isInput, ofRows: change.found) ?? false
    let isComplete =
      isGrown && adapter?.brings(EmbeddingNames.isOutput, ofRows: change.found) == true
    let remedy =
      if adapter == nil {
        "call resize_token_embeddings(\(change.found)) on it before the load, or set vocab_size of "
          + "config.json to \(change.found) where it is built from that"
      } else {
        "call resize_token_embeddings(\(change.found)) on it before the adapter is loaded"
          + (isGrown
            ? ", or merge with tenon, which takes the embedding from the adapter"
              + (isComplete ? "" : " where the base ties its output to it")
            : "; the file holds no whole embedding of \(change.found) rows, so that those of the "
              + "new tokens have to come from the model that was trained")
      }
    return Finding(
      .error, .vocabularyMismatch, tensors: names,
      "\(FoldedKeys.summary(of: names, "tensor")): for \(change.found) tokens, but \(source) has "
        + "\(change.expected): the vocabulary was changed in training; \(remedy)",
      fix: isComplete
        ? FixCommands.merge(base: base, adapter: path) : nil)
  }
}

extension Adapter {
  /// Whether it holds a whole embedding or output of that many tokens, so that a merge can
  /// take it.
  fileprivate func brings(_ isMeant: (String) -> Bool, ofRows count: Int) -> Bool {
    replacements.contains {
      ($0.kind == .module || $0.kind == .baseLayer) && isMeant($0.target)
        && $0.record.shape.first == count
    }
  }
}
