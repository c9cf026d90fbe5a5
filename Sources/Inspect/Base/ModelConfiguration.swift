public import Formats

/// What a model's `config.json` says about its tensors.
///
/// Models of several parts keep the numbers of the language model one level down.
public struct ModelConfiguration: Sendable {
  private let json: JSONValue

  public static let fileName = "config.json"
  private static let languageParts = ["text_config", "llm_config", "language_config"]

  init(_ json: JSONValue) { self.json = json }

  /// The configuration beside the tensors of `checkpoint`; nil without one.
  public init?(beside checkpoint: Checkpoint) throws(CheckpointError) {
    guard let file = checkpoint.sideFile(Self.fileName) else { return nil }
    json = try InputFile.json(at: file.path)
  }

  /// A field of the language model, wherever it stands.
  private func field(_ name: String) -> JSONValue? {
    for part in Self.languageParts {
      if let value = json[part]?[name] { return value }
    }
    return json[name]
  }

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
    "mllama": 8, "moshi": 1, "cpmant": nil, "kyutai_speech_to_text": nil,
  ]
  var hiddenSize: Int? { (field("hidden_size") ?? field("n_embd") ?? field("d_model"))?.int }
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
  /// How many layers the file may hold: those that predict further tokens are counted apart
  /// and lie behind the others, where a program saved them at all.
  var layerCounts: ClosedRange<Int>? {
    guard let count = layerCount, count >= 0 else { return nil }
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
  /// they do not, or where the projection is another.
  var keyRows: (count: Int, words: String)? {
    guard let heads = field("num_key_value_heads")?.int, heads > 0,
      !["global_head_dim", "kv_lora_rank"].contains(where: { field($0)?.int != nil })
    else { return nil }
    var words = "num_key_value_heads \(heads)"
    var size = field("head_dim")?.int
    if let size {
      words += " and head_dim \(size)"
    } else if let width = hiddenSize, let count = field("num_attention_heads")?.int, count > 0,
      width.isMultiple(of: count)
    {
      size = width / count
      words += ", hidden_size \(width) and num_attention_heads \(count)"
    }
    guard let size else { return nil }
    let (rows, overflow) = heads.multipliedReportingOverflow(by: size)
    return overflow ? nil : (rows, words)
  }
  /// The class of the model.
  var architecture: String? { json["architectures"]?.array?.first?.string }
  /// What the model has and its file does not, as transformers computes it.
  var unsavedNames: [String] { modelType.flatMap { Self.unsaved[$0] } ?? [] }
  private static let unsaved = [
    "marian": ["encoder", "decoder"].map { "model.\($0).embed_positions.weight" }
  ]
  /// Nil where it does not say; the default differs from model to model.
  var tiesEmbeddings: Bool? {
    (json["tie_word_embeddings"] ?? field("tie_word_embeddings"))?.bool
  }
  /// What it says of how the weights are quantised; nil where it says nothing.
  var quantisationSettings: JSONValue? {
    json["quantization_config"].flatMap { $0 == .null ? nil : $0 }
  }
  /// The method by which the weights are quantised, such as `gptq`; nil where they are not.
  public var quantisation: String? {
    quantisationSettings.map { $0["quant_method"]?.string ?? "an unnamed method" }
  }
  /// The lists that have a value for each of `count` layers, such as `layer_types`, here or
  /// in one of the parts.
  public func lists(ofEach count: Int) -> [(field: String, values: [JSONValue])] {
    var lists: [(field: String, values: [JSONValue])] = []
    for part in [json] + (json.object ?? []).map(\.value) {
      for member in part.object ?? [] where member.key.contains("layer") {
        guard let values = member.value.array, values.count == count else { continue }
        lists.append((member.key, values))
      }
    }
    return lists
  }
  var name: String? { json["_name_or_path"]?.string }
  var modelType: String? { json["model_type"]?.string }
  /// What an encoder and a decoder of types of their own are joined to
  /// (`vision-encoder-decoder`) says of the decoder, which is a whole model under `decoder.`.
  var joinedDecoder: ModelConfiguration? {
    guard modelType?.hasSuffix("encoder-decoder") == true else { return nil }
    return json["decoder"].map { ModelConfiguration($0) }
  }
  /// The types of the model and of its parts, such as the encoder and the decoder.
  var modelTypes: Set<String> { Self.modelTypes(in: json) }

  private static func modelTypes(in json: JSONValue) -> Set<String> {
    (json.object ?? []).reduce(into: []) { types, member in
      if member.key == "model_type", let type = member.value.string { types.insert(type) }
      types.formUnion(modelTypes(in: member.value))
    }
  }

  /// Whether it is of InternLM-XComposer 2 or 2.5.
  var isXComposer: Bool {
    let words = [modelType] + (json["architectures"]?.array ?? []).map(\.string)
    return words.contains { $0?.lowercased().contains("xcomposer2") ?? false }
  }
  /// Whether the original LLaVA made it.
  var isLlava: Bool { json["mm_projector_type"] != nil || json["mm_vision_tower"] != nil }

  /// The files of Python code that loading it runs.
  var codeFiles: [String] {
    var files: Set<String> = []
    for member in json["auto_map"]?.object ?? [] {
      for text in [member.value.string].compactMap(\.self)
        + (member.value.array ?? []).compactMap(\.string)
      {
        // `repository--module.Class` lives elsewhere.
        guard !text.contains("--"), let module = text.split(separator: ".").first else { continue }
        files.insert("\(module).py")
      }
    }
    return files.sorted()
  }
}

extension Int {
  /// Nil where the sum is none: a file may say any number.
  fileprivate func sum(_ other: Int) -> Int? {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? nil : sum
  }
}
