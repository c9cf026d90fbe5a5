public import Formats

/// The rows that `trainable_token_indices` of a configuration names.
public enum TokenRows {
  /// Throws where they are not said, or are not rows of the embedding. Of two tensors that
  /// `tied` says to be one the configuration names the input.
  public static func indices(
    of replacement: AdapterReplacement, adapter: Adapter, embedding: TensorRecord,
    tied: TiedWeights?
  ) throws(CheckpointError) -> [Int] {
    let field = adapter.configuration?.tokenIndices
    let named = adapter.rowsOfInput(for: replacement, of: tied) ?? replacement
    let module = String(named.target.dropLast(".weight".count))
    var values = field?.array
    // The configuration has the adapter's own names, which the base may not have.
    for member in field?.object ?? []
    where module == member.key || module.hasSuffix(".\(member.key)")
      || named.record.name.contains(".\(member.key).")
    {
      values = member.value.array
    }
    let rows = values?.compactMap(\.int)
    guard let values, let rows, rows.count == values.count else {
      throw CheckpointError(
        path: adapter.path, tensor: replacement.record.name,
        "holds rows of \(embedding.name), but no trainable_token_indices of adapter_config.json "
          + "say which",
        fix: "put the adapter_config.json of the training beside it")
    }
    let shape = replacement.record.shape
    guard let rowCount = embedding.shape.first,
      shape == [rows.count] + embedding.shape.dropFirst()
    else {
      throw CheckpointError(
        path: adapter.path, tensor: replacement.record.name,
        "has shape \(shape); expected \(rows.count) rows of \(embedding.name) \(embedding.shape)")
    }
    guard let wrong = rows.first(where: { !(0..<rowCount).contains($0) }) else {
      return rows
    }
    throw CheckpointError(
      path: adapter.path, tensor: replacement.record.name,
      "is for row \(wrong) of \(embedding.name), which has \(rowCount) rows")
  }
}

extension Adapter {
  /// The rows of the embedding that those of the output are once more: PEFT saves what
  /// a tied output shares with it under both names.
  public func rowsOfInput(for rows: AdapterReplacement, of tied: TiedWeights?)
    -> AdapterReplacement?
  {
    guard let tied, tied.others.contains(rows.target) else { return nil }
    return replacements.first {
      $0.kind == .tokenRows && $0.target == tied.input && $0.record.shape == rows.record.shape
    }
  }
}
