import Formats

/// Embeddings that an adapter brings for another number of tokens.
extension AdapterBaseChecks {
  /// That a merge takes them, or why it cannot.
  func vocabulary() -> [Finding] {
    let changed = adapter.resizedEmbeddings(of: original)
    guard let first = changed.first, let rows = first.record.shape.first else { return [] }
    let names = changed.map(\.record.name)
    let alone = base.records.first { record in
      EmbeddingNames.isOfTokens(record.name) && record.shape.first != rows
    }
    if let alone {
      return [
        Finding(
          .error, .vocabularyMismatch, tensors: names,
          "\(first.record.name.quoted) has \(rows) rows, but \(alone.name.quoted) of the base has "
            + "\(alone.shape.first ?? 0), and the adapter brings none of that size in its place")
      ]
    }
    let old = original.records.first { $0.name == first.target }?.shape.first ?? 0
    return [
      Finding(
        .warning, .vocabularyMismatch, tensors: names,
        "\(FoldedKeys.summary(of: names, "tensor")): \(rows) rows where the base has \(old): the "
          + "vocabulary was changed in training; PEFT loads it after "
          + "resize_token_embeddings(\(rows)), and a merge takes the whole embedding and vocab_size "
          + "from the adapter",
        fix: FixCommands.merge(base: original.path, adapter: adapter.path))
    ]
  }

  /// Rows of embeddings that the base has not, or of another width.
  func tokenRows() -> [Finding] {
    let stray = strayRows.map { rows in
      Finding(
        .error, .unmatchedKey, tensors: [rows.record.name],
        "\(rows.record.name.quoted) holds rows of \(rows.target.quoted), which the base "
          + "\(base.path.printable) does not have")
    }
    return stray + adapter.replacements.filter { $0.kind == .tokenRows }.compactMap(misplacedRows)
  }

  private func misplacedRows(_ rows: AdapterReplacement) -> Finding? {
    guard let position = positions[rows.target] else { return nil }
    let embedding = base.records[position]
    do throws(CheckpointError) {
      _ = try TokenRows.indices(of: rows, adapter: adapter, embedding: embedding, tied: tiedWeights)
      return nil
    } catch {
      let hasWidth = rows.record.shape.dropFirst() == embedding.shape.dropFirst()
      return Finding(
        .error, hasWidth ? .vocabularyMismatch : .shapeMismatch, tensors: [rows.record.name],
        "\(rows.record.name.quoted) \(error.message)")
    }
  }
}

extension Adapter {
  /// The whole embeddings and outputs that differ from the base's in the number of tokens
  /// alone.
  func resizedEmbeddings(of base: Checkpoint) -> [AdapterReplacement] {
    let whole = replacements.filter {
      ($0.kind == .module || $0.kind == .baseLayer || $0.kind == .bias)
        && EmbeddingNames.isOfTokens($0.target)
    }
    guard !whole.isEmpty else { return [] }
    let positions = base.positions()
    return whole.filter { replacement in
      guard let position = positions[replacement.target] else { return false }
      let (new, old) = (replacement.record.shape, base.records[position].shape)
      return new.count < 3 && new.first != old.first && new.dropFirst() == old.dropFirst()
    }
  }
}

extension Checkpoint {
  /// The checkpoint with the shapes that an adapter's embeddings give it.
  func resized(by adapter: Adapter) -> Checkpoint {
    let resized = adapter.resizedEmbeddings(of: self)
    guard !resized.isEmpty else { return self }
    let positions = positions()
    var copy = self
    for replacement in resized {
      guard let position = positions[replacement.target] else { continue }
      copy.records[position].shape = replacement.record.shape
    }
    return copy
  }
}
