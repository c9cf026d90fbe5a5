import Formats

/// What a model's configuration and files say, held against its tensors.
struct ModelChecks {
  let checkpoint: Checkpoint
  let configuration: ModelConfiguration

  /// Reads the configuration and asks everything of a checkpoint that is no adapter.
  static func findings(_ checkpoint: Checkpoint) throws(CheckpointError) -> [Finding] {
    guard checkpoint.sideFile(ModelConfiguration.fileName) != nil else {
      return missingConfiguration(checkpoint)
        + [QuantisedNames.finding(checkpoint)].compactMap(\.self)
    }
    let configuration: ModelConfiguration
    do throws(CheckpointError) {
      guard let found = try ModelConfiguration(beside: checkpoint) else { return [] }
      configuration = found
    } catch {
      return [Finding(.error, .configMismatch, error.description)]
    }
    let checks = ModelChecks(checkpoint: checkpoint, configuration: configuration)
    return checks.sizes() + checks.projections() + checks.layers() + checks.experts()
      + checks.absentOutput()
      + (try checks.tied()) + checks.codeFiles()
      + checks.quantised() + [PLoRA.lost(from: checkpoint)].compactMap(\.self)
  }

  /// Only a directory is a model by its place; a file may be anything.
  private static func missingConfiguration(_ checkpoint: Checkpoint) -> [Finding] {
    guard !checkpoint.sideFiles.isEmpty || checkpoint.shards.count > 1,
      checkpoint.format != .deepspeed
    else { return [] }
    return [
      Finding(
        .note, .missingSideFile,
        "no config.json lies beside the tensors: nothing says which model they belong to")
    ]
  }

  /// Rows and columns of the embeddings.
  func sizes() -> [Finding] {
    var findings: [Finding] = []
    let inputs = checkpoint.records.filter { EmbeddingNames.isInput($0.name) }
    let outputs = checkpoint.records.filter { EmbeddingNames.isOutput($0.name) }
    let rows =
      inputs.map { ($0, configuration.inputRows) }
      + outputs.map { ($0, configuration.vocabularySize) }
    for (record, rows) in rows where record.shape.count == 2 {
      if let expected = rows, record.shape[0] != expected {
        findings.append(
          Finding(
            .warning, .vocabularyMismatch, tensors: [record.name],
            "\(record.name.quoted) has \(record.shape[0]) rows, but config.json says vocab_size "
              + "\(configuration.vocabularySize ?? expected)"
              + (expected == configuration.vocabularySize ? "" : ", which makes \(expected)")))
      }
      if inputs.count == 1, record.name == inputs[0].name {
        findings += [width(record)].compactMap(\.self)
      }
    }
    if inputs.count == 1, outputs.count == 1, configuration.vocabularySize == nil,
      inputs[0].shape.first != outputs[0].shape.first
    {
      findings.append(
        Finding(
          .warning, .vocabularyMismatch, tensors: [inputs[0].name, outputs[0].name],
          "\(inputs[0].name.quoted) has the shape \(inputs[0].shape), but \(outputs[0].name.quoted) "
            + "has \(outputs[0].shape)"))
    }
    return findings
  }

  /// That the input has as many columns as no field says.
  private func width(_ input: TensorRecord) -> Finding? {
    let widths = configuration.embeddingWidths
    guard configuration.hiddenSize != nil, !widths.contains(where: { $0.value == input.shape[1] })
    else { return nil }
    return Finding(
      .warning, .configMismatch, tensors: [input.name],
      "\(input.name.quoted) has \(input.shape[1]) columns, but config.json says "
        + widths.map { "\($0.field) \($0.value)" }.joined(separator: " and "))
  }

  /// A head that a configuration ties to the embedding is not read when the model is
  /// loaded.
  private func tied() throws(CheckpointError) -> [Finding] {
    let inputs = checkpoint.records.filter { EmbeddingNames.isInput($0.name) }
    let outputs = checkpoint.records.filter { EmbeddingNames.isOutput($0.name) }
    guard configuration.tiesEmbeddings == true, inputs.count == 1, outputs.count == 1 else {
      return []
    }
    let (input, output) = (inputs[0], outputs[0])
    guard try !ValueChecks.isSame(input, output) else { return [] }
    return [
      Finding(
        .error, .tiedWeights, tensors: [input.name, output.name],
        "config.json says tie_word_embeddings true, but \(output.name.quoted) differs from "
          + "\(input.name.quoted): transformers before version 5 puts the embedding in its place, "
          + "later ones load both and warn; set tie_word_embeddings to false")
    ]
  }

  private func codeFiles() -> [Finding] {
    let missing = configuration.codeFiles.filter { checkpoint.sideFile($0) == nil }
    guard !missing.isEmpty else { return [] }
    return [
      Finding(
        .warning, .missingSideFile,
        "config.json names \(missing.map(\.quoted).joined(separator: ", ")) in auto_map, but "
          + "\(Wording.verb(missing.count, "it does", "they do")) not lie beside it: copy "
          + "\(Wording.verb(missing.count, "it", "them")) from the base")
    ]
  }

  private func quantised() -> [Finding] {
    guard let method = configuration.quantisation else {
      return [QuantisedNames.finding(checkpoint)].compactMap(\.self)
    }
    let scheme = WeightScales.Scheme(checkpoint, checkpoint.positions())
    let isScaled = checkpoint.records.contains {
      (try? scheme.scales(of: $0)) != nil
    }
    let consequence =
      isScaled
      ? "a merge quantises what it changes again in the same scheme"
      : "an adapter cannot be merged into them"
    return [
      Finding(
        .note, .quantisedBase,
        "config.json says that the weights are quantised (\(method.printable)); "
          + consequence)
    ]
  }
}
