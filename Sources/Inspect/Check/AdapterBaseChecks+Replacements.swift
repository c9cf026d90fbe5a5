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

  /// Rows of embeddings that the base has not got.
  var strayRows: [AdapterReplacement] {
    adapter.replacements.filter {
      $0.kind == .tokenRows && positions[$0.target] == nil
        && adapter.rowsOfInput(for: $0, of: tiedWeights) == nil
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
    findings += vocabulary() + tokenRows()
    if !copies.isEmpty {
      findings.append(
        Finding(
          .note, .baseTensorInAdapter, tensors: copies,
          "\(FoldedKeys.summary(of: copies, "tensor")): the base's own, and harmless"))
    }
    return findings
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
      return Finding(
        .error, .shapeMismatch, tensors: [record.name],
        "\(record.name.quoted) has the shape \(record.shape), but \(original.name.quoted) of the "
          + "base has \(original.shape)")
    }
    guard replacement.kind == .plora else { return nil }
    return Finding(
      .warning, .baseTensorInAdapter, tensors: [record.name],
      "\(record.name.quoted) differs from the base's: it was trained, and replaces it")
  }
}
