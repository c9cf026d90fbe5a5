public import Formats

/// What a model's `config.json` says about its tensors.
///
/// Models of several parts keep the numbers of the language model one level down.
public struct ModelConfiguration: Sendable {
  let json: JSONValue

  public static let fileName = "config.json"
  static let languageParts = ["text_config", "llm_config", "language_config"]

  init(_ json: JSONValue) { self.json = json }

  /// The configuration beside the tensors of `checkpoint`; nil without one.
  public init?(beside checkpoint: Checkpoint) throws(CheckpointError) {
    guard let file = checkpoint.sideFile(Self.fileName) else { return nil }
    json = try InputFile.json(at: file.path)
  }

  /// A field of the language model, wherever it stands.
  func field(_ name: String) -> JSONValue? {
    for part in Self.languageParts {
      if let value = json[part]?[name] { return value }
    }
    return json[name]
  }

  /// How many labels the model tells apart; without a number transformers counts their names.
  public var labelCount: Int {
    json["num_labels"]?.int ?? json["id2label"]?.object?.count ?? Self.usualLabelCount
  }
  private static let usualLabelCount = 2
  /// The class of the model.
  public var architecture: String? { json["architectures"]?.array?.first?.string }
  /// What the model has and its file does not, as transformers computes it.
  var unsavedNames: [String] { modelType.flatMap { Self.unsaved[$0] } ?? [] }
  private static let unsaved = [
    "marian": ["encoder", "decoder"].map { "model.\($0).embed_positions.weight" }
  ]
  /// Nil where it does not say; the default differs from model to model.
  var tiesEmbeddings: Bool? {
    if let architecture, Self.untied.contains(architecture) { return false }
    return (json["tie_word_embeddings"] ?? field("tie_word_embeddings"))?.bool
  }
  /// The classes that tie nothing, whatever their configuration says.
  private static let untied: Set = ["LukeForMaskedLM", "BigBirdPegasusForCausalLM"]
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
