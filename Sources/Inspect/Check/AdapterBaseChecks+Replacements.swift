import Formats

/// Tensors of the adapter that take the place of tensors of the base.
extension AdapterBaseChecks {
  /// Tensors of the adapter that are to take the place of tensors that the base has
  /// not got. A tied head is one that it does not need to have.
  var orphans: [AdapterReplacement] {
    adapter.replacements.filter {
      positions[$0.target] == nil && !adapter.mayAdd($0) && $0.kind != .tokenRows
    }
  }

  func replacements() throws(CheckpointError) -> [Finding] {
    var findings: [Finding] = []
    if !orphans.isEmpty {
      findings.append(
        Finding(
          .error, .unmatchedKey, tensors: orphans.map(\.record.name),
          "\(Wording.count(orphans.count, "tensor")) would take the place of tensors that the base "
            + "\(base.path.printable) does not have: \(Wording.folded(orphans.map(\.target)))"))
    }
    var copies: [String] = []
    for replacement in adapter.replacements where replacement.kind != .tokenRows {
      guard let position = positions[replacement.target] else { continue }
      let original = base.records[position]
      if try isCopy(replacement, original) {
        copies.append(replacement.record.name)
      } else if let finding = judge(replacement, original) {
        findings.append(finding)
      }
    }
    findings += tokenRows()
    if !copies.isEmpty {
      findings.append(
        Finding(
          .note, .baseTensorInAdapter, tensors: copies,
          "\(FoldedKeys.summary(of: copies, "tensor")): the base's own, and harmless"))
    }
    return findings
  }

  /// Rows of embeddings that the base has not, or of another width.
  private func tokenRows() -> [Finding] {
    adapter.replacements.filter { $0.kind == .tokenRows }.compactMap { rows in
      guard let position = positions[rows.target] else { return nil }
      let embedding = base.records[position]
      do throws(CheckpointError) {
        _ = try TokenRows.indices(of: rows, adapter: adapter, embedding: embedding)
        return nil
      } catch {
        let hasWidth = rows.record.shape.dropFirst() == embedding.shape.dropFirst()
        return Finding(
          .error, hasWidth ? .vocabularyMismatch : .shapeMismatch, tensors: [rows.record.name],
          "\(rows.record.name.quoted) \(error.message)")
      }
    }
  }

  /// Whether a part of PLoRA is the same as the base's.
  private func isCopy(_ replacement: AdapterReplacement, _ original: TensorRecord)
    throws(CheckpointError) -> Bool
  {
    let record = replacement.record
    guard replacement.kind == .plora, record.shape == original.shape, record.bytes != nil,
      original.bytes != nil
    else { return false }
    return try ValueChecks.isSame(record, original)
  }

  private func judge(_ replacement: AdapterReplacement, _ original: TensorRecord) -> Finding? {
    let record = replacement.record
    guard record.shape == original.shape else {
      let isVocabulary =
        (EmbeddingNames.isInput(original.name) || EmbeddingNames.isOutput(original.name))
        && record.shape.dropFirst() == original.shape.dropFirst()
      return Finding(
        isVocabulary ? .warning : .error, isVocabulary ? .vocabularyMismatch : .shapeMismatch,
        tensors: [record.name],
        isVocabulary
          ? "\(record.name.quoted) has \(record.shape[0]) rows, but \(original.name.quoted) of the "
            + "base has \(original.shape[0]): the vocabulary was changed in training, and the whole "
            + "embedding and vocab_size have to be taken from the adapter"
          : "\(record.name.quoted) has the shape \(record.shape), but \(original.name.quoted) of "
            + "the base has \(original.shape)")
    }
    guard replacement.kind == .plora else { return nil }
    return Finding(
      .warning, .baseTensorInAdapter, tensors: [record.name],
      "\(record.name.quoted) differs from the base's: it was trained, and replaces it")
  }
}
