import Formats

/// Tensors of the adapter that take the place of tensors of the base.
extension AdapterBaseChecks {
  /// Tensors of the adapter that are to take the place of tensors that the base has
  /// not got. A tied head is one that it does not need to have.
  var orphans: [AdapterReplacement] {
    adapter.replacements.filter {
      positions[$0.target] == nil && !adapter.mayAdd($0) && $0.kind != .tokenRows
        && tiedWeights?.knows($0.target) != true
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
    var strays: [String] = []
    for replacement in adapter.replacements where replacement.kind != .tokenRows {
      guard let position = positions[replacement.target] else { continue }
      let original = base.records[position]
      if try isCopy(replacement, original) {
        copies.append(replacement.record.name)
      } else if isStray(replacement), replacement.record.shape == original.shape {
        strays.append(replacement.record.name)
      } else if let finding = judge(replacement, original) {
        findings.append(finding)
      }
    }
    let rearranged = rearranged()
    findings +=
      vocabulary() + tokenRows() + labels() + (rearranged.isEmpty ? added() : rearranged)
    if !strays.isEmpty {
      let (count, them) = (strays.count, Wording.verb(strays.count, "it", "them"))
      findings.append(
        Finding(
          .warning, .baseTensorInAdapter, tensors: strays,
          "\(FoldedKeys.summary(of: strays, "tensor")) \(Wording.verb(count, "is", "are")) the "
            + "base's by name, with other values, and "
            + "modules_to_save does not name \(them): PEFT and a merge put \(them) in place of the "
            + "base's"))
    }
    if !copies.isEmpty {
      findings.append(
        Finding(
          .note, .baseTensorInAdapter, tensors: copies,
          "\(FoldedKeys.summary(of: copies, "tensor")): the base's own, and harmless"))
    }
    return findings
  }

  /// Whether PEFT saves such a tensor only where the base was trained along with the
  /// adapter, or where somebody saved too much: the configuration tells of no such thing.
  private func isStray(_ replacement: AdapterReplacement) -> Bool {
    guard adapter.kind == .peftAdapter, let configuration = adapter.configuration,
      replacement.kind == .module || replacement.kind == .baseLayer,
      // PEFT saves these unasked: the one for every change of the vocabulary,
      !EmbeddingNames.isInput(replacement.target), !EmbeddingNames.isOutput(replacement.target),
      // the other as the field bias says.
      !replacement.target.hasSuffix("bias")
    else { return false }
    return !configuration.saves(replacement.module)
  }

  /// Those among them that the base has in another form.
  private func rearranged() -> [Finding] {
    let added = addedModules
    guard !added.isEmpty else { return [] }
    let rearranged = RearrangedNames(base)
    let names = added.filter { rearranged.contains($0.target) }.map(\.record.name)
    guard !names.isEmpty else { return [] }
    return [
      Finding(
        .error, .unmatchedKey, tensors: names,
        "\(FoldedKeys.summary(of: names, "tensor")) \(Wording.verb(names.count, "is", "are")) of "
          + "the loaded model, and the base \(base.path.printable) holds "
          + "\(Wording.verb(names.count, "it", "them")) in another form: fused with others, divided "
          + "or in another order", fix: RearrangedNames.advice)
    ]
  }

  /// Whether a tensor that the base need not have brought is the same as the base's.
  private func isCopy(_ replacement: AdapterReplacement, _ original: TensorRecord)
    throws(CheckpointError) -> Bool
  {
    let record = replacement.record
    guard replacement.kind == .plora || isStray(replacement), record.shape == original.shape,
      record.bytes != nil,
      original.bytes != nil
    else { return false }
    return try ValueChecks.isSame(record, original)
  }

  private func judge(_ replacement: AdapterReplacement, _ original: TensorRecord) -> Finding? {
    let record = replacement.record
    guard record.shape == original.shape else {
      if LabelLayer.isOther(record.shape, original.shape, name: replacement.target) { return nil }
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
