import Formats

/// Llama in the names of Meta's own files, which Mistral's have too, and in those of
/// transformers.
///
/// They differ in more than names: Meta's rotary embedding turns neighbouring rows of
/// queries and keys, that of transformers rows half a head apart.
enum MetaNames {
  static let steps = [ProjectionStep.metaQueries, .metaKeys]

  private static let front = #"^(base_model\.model\.)?"#
  private static let inLayer =
    InternLM2Names.layers + [("attention.wv", "self_attn.v_proj")]
  private static let around = [
    ("tok_embeddings", "model.embed_tokens"), ("norm", "model.norm"), ("output", "lm_head"),
  ]

  /// What comes before the heads of these modules are turned: they must be heads of the text
  /// model, whose layers are in this list, and what both sides work out is left out.
  static func preparation(of modules: [String], below list: String)
    -> @Sendable (inout RenamingDraft) throws(CheckpointError) -> Int
  {
    { (draft) throws(CheckpointError) in
      try draft.requireTextLayers(modules, below: list)
      return draft.dropBuffers()
    }
  }

  static let transformers =
    inLayer.map { own, llama in
      RenameRule(
        checked: "\(front)layers\\.(\\d+)\\.\(RenameRule.escaped(own))(?=\\.)",
        "\\1layers.\\2.\(llama)")
    }
    + around.map { own, llama in RenameRule(checked: "\(front)\(own)(?=\\.)", "\\1\(llama)") }
    + [RenameRule(checked: front + #"layers\."#, #"\1model.layers."#)]

  static let own =
    [RenameRule(checked: front + #"model\.layers\."#, #"\1layers."#)]
    + inLayer.map { own, llama in
      RenameRule(
        checked: "\(front)layers\\.(\\d+)\\.\(RenameRule.escaped(llama))(?=\\.)",
        "\\1layers.\\2.\(own)")
    }
    + around.map { own, llama in
      RenameRule(checked: "\(front)\(RenameRule.escaped(llama))(?=\\.)", "\\1\(own)")
    }

  /// Whether the tensor is the frequencies of the rotary embedding, which both sides
  /// work out from their configuration.
  static func isBuffer(_ name: String) -> Bool {
    name.hasSuffix("rope.freqs") || name.hasSuffix(".rotary_emb.inv_freq")
  }
}

extension RenamingDraft {
  /// Leaves out what both sides work out; returns how many there were.
  fileprivate mutating func dropBuffers() -> Int {
    let buffers = names.filter(MetaNames.isBuffer)
    dropped += buffers.map { ($0, "worked out from the configuration") }
    tensors.removeAll { MetaNames.isBuffer($0.record.name) }
    return buffers.count
  }

  /// Refuses modules whose paths end so and do not begin with those of the text model: a
  /// vision part has heads of its own.
  fileprivate func requireTextLayers(_ ends: [String], below list: String) throws(CheckpointError) {
    let beginnings = ["\(list).", "base_model.model.\(list)."]
    let others = names.filter { name in
      ends.contains { ".\(name)".contains(".\($0).") }
        && !beginnings.contains(where: name.hasPrefix)
    }
    guard let first = others.first else { return }
    throw CheckpointError(
      path: path, tensor: others.count == 1 ? first : nil,
      "\(others.count == 1 ? "it does" : "\(others.count) tensors do") not begin with "
        + "\(list.quoted), and only the heads of the text model are known",
      details: others.count == 1 ? [] : FoldedKeys.lines(others))
  }
}
