import Formats

/// What an adapter's configuration says, held against its tensors.
struct AdapterConfigurationChecks {
  let adapter: Adapter
  let configuration: AdapterConfiguration

  func findings() -> [Finding] {
    ReadabilityChecks(configuration: configuration).findings()
      + TargetChecks(adapter: adapter, configuration: configuration).findings()
      + PatternChecks.findings(adapter, configuration)
      + SavedModuleChecks(adapter: adapter, configuration: configuration).findings()
      + magnitudes() + absentBiases() + biases() + tokens() + adapterName()
  }

  /// DoRA's magnitudes that the configuration promises.
  private func magnitudes() -> [Finding] {
    let without = adapter.modulesWithoutMagnitude
    guard !without.isEmpty else { return [] }
    return [
      Finding(
        .error, .missingPair, tensors: without.flatMap { $0.tensors.map(\.record.name) },
        "use_dora is true, but \(FoldedKeys.summary(of: without.map(\.target), "module")) "
          + "\(Wording.verb(without.count, "has", "have")) no lora_magnitude_vector: PEFT would warn "
          + "of missing keys and take the lengths of the base's rows, and no merge takes it")
    ]
  }

  /// Biases of B that the configuration promises.
  private func absentBiases() -> [Finding] {
    guard configuration.features.contains(.loraBias) else { return [] }
    let without = adapter.modules.filter {
      [.linear, .convolution].contains($0.kind) && $0.b != nil && $0.tensor(.outputBias) == nil
    }
    guard !without.isEmpty else { return [] }
    return [
      Finding(
        .warning, .configMismatch, tensors: without.compactMap { $0.b?.name },
        "lora_bias is true, but \(FoldedKeys.summary(of: without.map(\.target), "module")) "
          + "\(Wording.verb(without.count, "has", "have")) no lora_B.bias: PEFT would call "
          + "\(Wording.verb(without.count, "it", "them")) missing")
    ]
  }

  /// PEFT before 0.20.1 did not save the biases that `lora_only` trains.
  private func biases() -> [Finding] {
    let wants = configuration.json["bias"]?.string
    guard wants == "lora_only" || wants == "all",
      !adapter.replacements.contains(where: { $0.target.hasSuffix("bias") })
    else { return [] }
    return [
      Finding(
        .warning, .loraBiasDropped,
        "bias is \((wants ?? "").quoted), but the file holds no bias: what was trained there is "
          + "lost, "
          + (wants == "all" ? "unless the base has none" : "as with every PEFT before 0.20.1"))
    ]
  }

  /// Rows of embeddings and their numbers.
  private func tokens() -> [Finding] {
    guard let value = configuration.tokenIndices else { return [] }
    let lists = value.array.map { [$0] } ?? value.object?.compactMap(\.value.array) ?? []
    let rows = adapter.replacements.filter { $0.kind == .tokenRows }
    if rows.isEmpty, lists.contains(where: { !$0.isEmpty }) {
      return [
        Finding(
          .warning, .configMismatch,
          "trainable_token_indices is set, but the file holds no trainable_tokens_delta")
      ]
    }
    return rows.filter { row in
      guard let count = row.record.shape.first else { return true }
      return !lists.contains { $0.count == count }
    }.map { row in
      Finding(
        .error, .shapeMismatch, tensors: [row.record.name],
        "\(row.record.name.quoted) has the shape \(row.record.shape), but trainable_token_indices "
          + "lists \(lists.map { "\($0.count)" }.joined(separator: " and ")) tokens")
    }
  }

  /// A name that PEFT cannot tell from its own prefix.
  private func adapterName() -> [Finding] {
    guard adapter.names.contains("lora") else { return [] }
    return [
      Finding(
        .warning, .prefixDrift,
        "the adapter is called \"lora\", which PEFT cannot tell from its prefix \"lora_\" and so "
          + "damages keys")
    ]
  }
}
