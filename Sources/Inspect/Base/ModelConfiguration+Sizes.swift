import Formats

/// The sizes of tensors of which a configuration tells, each in a field that differs from
/// family to family.
extension ModelConfiguration {
  var vocabularySize: Int? { field("vocab_size")?.int }
  /// The rows of the input embedding; a few models reserve some beyond the vocabulary. Nil
  /// where nothing says it.
  var inputRows: Int? {
    guard let size = vocabularySize else { return nil }
    guard let type = Self.reservedRows.keys.first(where: modelTypes.contains) else {
      return size.sum(field("additional_vocab_size")?.int ?? 0)
    }
    return Self.reservedRows[type].flatMap(\.self).flatMap { size.sum($0) }
  }
  /// By the type of the model, as transformers makes their embeddings; nil for those that
  /// count in other fields.
  private static let reservedRows: [String: Int?] = [
    "mllama": 8, "mllama_text_model": 8, "moshi": 1, "cpmant": nil, "kyutai_speech_to_text": nil,
  ]
  public var hiddenSize: Int? { (field("hidden_size") ?? field("n_embd") ?? field("d_model"))?.int }
  /// What it says of how wide an embedding of tokens may be; many models hold it narrower
  /// than their layers, and each family has a field of its own for that.
  var embeddingWidths: [(field: String, value: Int)] {
    Self.widthFields.compactMap { name in field(name)?.int.map { (name, $0) } }
  }
  private static let widthFields = [
    "hidden_size", "n_embd", "d_model", "embedding_size", "input_embedding_size", "embedding_dim",
    "emb_dim", "embed_dim", "d_embed", "embedding_rank", "word_embed_proj_dim",
  ]
  var layerCount: Int? {
    (field("num_hidden_layers") ?? field("n_layer") ?? field("num_layers"))?.int
  }
  /// What it says of how many layers some part has, such as `num_layers_per_stack` or
  /// `encoder_layers`; the number of all may count some of them several times.
  var partLayerCounts: Set<Int> {
    Set((json.object ?? []).filter { Self.countsLayers($0.key) }.compactMap(\.value.int))
  }
  private static func countsLayers(_ field: String) -> Bool {
    (field.hasSuffix("layers") || field.hasPrefix("num_layers")) && !field.hasPrefix("max_")
  }
  /// How many layers the file may hold: those that predict further tokens are counted apart
  /// and lie behind the others, where a program saved them at all.
  var layerCounts: ClosedRange<Int>? {
    // EfficientNet makes its number of layers up from how often its blocks are repeated.
    guard let count = layerCount, count >= 0, field("num_block_repeats") == nil else { return nil }
    let more = Self.predictionFields.lazy.compactMap { field($0)?.int }.first { $0 > 0 } ?? 0
    return count...count.saturatingSum(more)
  }
  private static let predictionFields = [
    "num_nextn_predict_layers", "num_mtp_layers", "mtp_num_hidden_layers", "num_mtp_modules",
  ]
  /// How many experts a layer has that lie in a list.
  var expertCount: Int? {
    ["num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts"].lazy
      .compactMap { field($0)?.int }.first
  }
  var intermediateSize: Int? { field("intermediate_size")?.int }

  /// The rows of the keys' projection in every layer, and the fields that say so; nil where
  /// they do not, or where some layers or the values have another.
  var keyRows: (count: Int, words: String)? {
    // The parts that see and hear have heads too.
    let part =
      Self.languageParts.lazy.compactMap { json[$0] }
      .first { $0["num_key_value_heads"] != nil } ?? json
    guard let heads = part["num_key_value_heads"]?.int, heads > 0, !Self.hasOtherHeads(part) else {
      return nil
    }
    var words = "num_key_value_heads \(heads)"
    var size = part["head_dim"]?.int
    if let size {
      words += " and head_dim \(size)"
    } else if let width = part["hidden_size"]?.int, let count = part["num_attention_heads"]?.int,
      count > 0, width.isMultiple(of: count)
    {
      size = width / count
      words += ", hidden_size \(width) and num_attention_heads \(count)"
    }
    guard let size else { return nil }
    let (rows, overflow) = heads.multipliedReportingOverflow(by: size)
    return overflow ? nil : (rows, words)
  }

  /// Whether there are heads of further kinds, as `swa_head_dim` and `global_head_dim` say it.
  private static func hasOtherHeads(_ part: JSONValue) -> Bool {
    (part.object ?? []).contains { member in
      guard member.value.int != nil, !["head_dim", "num_key_value_heads"].contains(member.key)
      else { return false }
      return ["head_dim", "key_value_heads", "kv_lora_rank"].contains(where: member.key.hasSuffix)
    }
  }
}

extension Int {
  /// Nil where the sum is none: a file may say any number.
  fileprivate func sum(_ other: Int) -> Int? {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? nil : sum
  }
}
