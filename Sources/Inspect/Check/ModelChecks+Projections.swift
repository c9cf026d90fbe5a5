import Formats

/// What a model's configuration says of the tensors of its layers.
extension ModelChecks {
  /// Rows of the projections of the language model.
  func projections() -> [Finding] {
    guard configuration.quantisation == nil else { return [] }
    return [
      rows(
        "mlp.gate_proj.weight",
        configuration.intermediateSize.map { ($0, "intermediate_size \($0)") }),
      rows("self_attn.k_proj.weight", configuration.keyRows),
    ].compactMap(\.self)
  }

  /// That the tensors that end so have other rows than expected, all of them the same: what
  /// differs from layer to layer is told by lists that each model has its own.
  private func rows(_ ending: String, _ expected: (count: Int, words: String)?) -> Finding? {
    let records = checkpoint.records.filter { record in
      record.name.hasSuffix(".\(ending)") && record.shape.count == 2 && Self.isOfText(record.name)
    }
    guard let expected, let first = records.first,
      records.allSatisfy({ $0.shape[0] == first.shape[0] }), first.shape[0] != expected.count
    else { return nil }
    return Finding(
      .warning, .configMismatch, tensors: records.map(\.name),
      "\(FoldedKeys.summary(of: records.map(\.name), "tensor")) "
        + "\(Wording.verb(records.count, "has", "have")) \(Wording.count(first.shape[0], "row")), but "
        + "config.json says \(expected.words)")
  }

  private static let textLists = [
    "model.layers.", "model.language_model.layers.", "language_model.model.layers.",
  ]

  private static func isOfText(_ name: String) -> Bool {
    textLists.contains { list in
      guard name.hasPrefix(list) else { return false }
      // The number, two words and `weight`: experts have more.
      return name.dropFirst(list.count).split(separator: ".").count == 4
    }
  }

  /// A model for text without an output, which its configuration does not tie to the input.
  func absentOutput() -> [Finding] {
    guard configuration.tiesEmbeddings == false, checkpoint.promised.isEmpty,
      let architecture = configuration.architecture, architecture.hasSuffix("ForCausalLM"),
      !checkpoint.records.contains(where: { Self.isOutput($0.name) })
    else { return [] }
    let inputs = checkpoint.records.map(\.name).filter(EmbeddingNames.isInput)
    guard inputs.count == 1,
      let head = OutputHead(
        tiedTo: inputs[0], in: checkpoint.records, architecture: architecture)
    else { return [] }
    return [
      Finding(
        .error, .missingKey, tensors: [head.weight],
        "\(head.weight.quoted) is missing: config.json says tie_word_embeddings false, so that "
          + "\(inputs[0].quoted) does not stand for it, and \(architecture.printable) would fill it "
          + "with random values")
    ]
  }

  /// Whether the name is that of an output, or of a part of one.
  private static func isOutput(_ name: String) -> Bool {
    EmbeddingNames.isOutput(name)
      || name.dottedSegments.contains { segment in
        ["lm_head", "embed_out", "output", "output_projection"].contains(segment)
          || segment.hasSuffix("head") || segment.hasSuffix("heads")
      }
  }
}
