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
      + checks.quantised()
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
      if let expected = configuration.hiddenSize, record.shape[1] != expected, inputs.count == 1,
        record.name == inputs[0].name, configuration.modelType != "albert"
      {
        findings.append(
          Finding(
            .warning, .configMismatch, tensors: [record.name],
            "\(record.name.quoted) has \(record.shape[1]) columns, but config.json says "
              + "hidden_size \(expected)"))
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

  /// The words before the number of a layer.
  private static let layerLists: Set<Substring> = ["layers", "h", "layer", "blocks", "block"]

  /// Lists of layers with a hole, and none of the length that the configuration says.
  private func layers() -> [Finding] {
    var lists: [String: Set<Int>] = [:]
    // The layers of a shard that could not be read are no holes.
    let absent = checkpoint.absentShards.flatMap(\.tensors)
    for name in checkpoint.records.map(\.name) + absent {
      let segments = name.dottedSegments
      for index in segments.indices.dropLast() where Self.layerLists.contains(segments[index]) {
        guard let number = Int(segments[index + 1]) else { continue }
        lists[segments[...index].joined(separator: "."), default: []].insert(number)
        break
      }
    }
    var findings: [Finding] = []
    for (list, numbers) in lists.sorted(by: { NaturalOrder.precedes($0.key, $1.key) }) {
      // Numbers are a file's; a loop to the greatest could be endless.
      let expected = (numbers.max() ?? 0).saturatingSum(1)
      guard numbers.count < expected,
        let hole = (0..<expected).first(where: { !numbers.contains($0) })
      else { continue }
      findings.append(
        Finding(
          .warning, .missingKey,
          "\(list.quoted) has \(Wording.count(numbers.count, "layer")) up to \(expected - 1), but "
            + "none with the number \(hole)"))
    }
    if let expected = configuration.layerCount, !lists.isEmpty,
      !lists.values.contains(where: { ($0.max() ?? 0).saturatingSum(1) == expected })
    {
      let found = lists.sorted { NaturalOrder.precedes($0.key, $1.key) }
        .map { "\($0.key.printable) has \($0.value.count)" }
      findings.append(
        Finding(
          .warning, .configMismatch,
          "config.json says num_hidden_layers \(expected), but \(found.joined(separator: ", "))"))
    }
    return findings
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
