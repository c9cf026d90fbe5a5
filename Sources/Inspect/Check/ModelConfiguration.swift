import Formats

/// What a model's `config.json` says about its tensors.
///
/// Models of several parts keep the numbers of the language model one level down.
struct ModelConfiguration {
  private let json: JSONValue

  static let fileName = "config.json"
  private static let languageParts = ["text_config", "llm_config", "language_config"]

  init(_ json: JSONValue) { self.json = json }

  /// The configuration beside the tensors of `checkpoint`; nil without one.
  init?(beside checkpoint: Checkpoint) throws(CheckpointError) {
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
  var hiddenSize: Int? { (field("hidden_size") ?? field("n_embd") ?? field("d_model"))?.int }
  var layerCount: Int? {
    (field("num_hidden_layers") ?? field("n_layer") ?? field("num_layers"))?.int
  }
  /// Nil where it does not say; the default differs from model to model.
  var tiesEmbeddings: Bool? {
    (json["tie_word_embeddings"] ?? field("tie_word_embeddings"))?.bool
  }
  var quantisation: String? {
    guard let settings = json["quantization_config"] else { return nil }
    return settings["quant_method"]?.string ?? "an unnamed method"
  }
  var name: String? { json["_name_or_path"]?.string }
  var modelType: String? { json["model_type"]?.string }
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

/// Where a model keeps its embeddings, by the ends of their names.
public enum EmbeddingNames {
  private static let input = [
    "embed_tokens.weight", "wte.weight", "tok_embeddings.weight", "word_embeddings.weight",
    "embed_in.weight", "shared.weight",
  ]
  private static let output = ["lm_head.weight", "embed_out.weight", "output.weight"]

  public static func isInput(_ name: String) -> Bool { ends(name, input) }

  /// `output.weight` is the head only at the top: BERT has one in every layer.
  public static func isOutput(_ name: String) -> Bool {
    guard ends(name, output) else { return false }
    guard name.hasSuffix("output.weight") else { return true }
    return name == "output.weight" || name == "language_model.output.weight"
  }

  private static func ends(_ name: String, _ endings: [String]) -> Bool {
    endings.contains { name == $0 || name.hasSuffix(".\($0)") }
  }
}
