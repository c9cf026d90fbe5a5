import Compute
import Formats
import Testing

@testable import Inspect

/// An adapter against its base: where each tensor goes, and what has no place.
@Suite struct CheckBaseTests {
  struct BaseCase: CustomTestStringConvertible {
    let name: String
    var configuration = #"{"r": 2, "lora_alpha": 2}"#
    /// Without `base_model.model.`.
    let adapter: [(String, [Int])]
    let base: [(String, [Int])]
    let told: [String]
    /// For updates, shared, in place of others, copies, without a place.
    let placement: [Int]
    var testDescription: String { name }
  }

  private static func pair(_ module: String) -> [(String, [Int])] {
    [("\(module).lora_A.weight", [2, 4]), ("\(module).lora_B.weight", [4, 2])]
  }
  private static let layers = (0..<3).map { ("model.layers.\($0).q.weight", [4, 4]) }
  private static let embedding = ("model.embed_tokens.weight", [8, 4])
  private static let head = ("lm_head.weight", [8, 4])
  private static let tokens =
    #"{"r": 2, "lora_alpha": 2, "trainable_token_indices": [1, 9]}"#

  static let cases = [
    BaseCase(
      name: "all has its place", adapter: pair("model.layers.0.q") + pair("model.layers.2.q"),
      base: layers, told: [], placement: [4, 0, 0, 0, 0]),
    BaseCase(
      name: "a layer too many", adapter: pair("model.layers.2.q") + pair("model.layers.3.q"),
      base: layers,
      told: [
        "error unmatched-key: 1 of the 3 adapted modules is not in the base base: "
          + "model.layers.3.q; the adapter has layers 2 to 3 of \"model.layers\", and the base layers "
          + "0 to 2: it was trained on a deeper model, or its layers are counted otherwise"
      ], placement: [2, 0, 0, 0, 2]),
    BaseCase(
      name: "layers counted from 1",
      adapter: (1...3).flatMap { pair("model.layers.\($0).q") }, base: layers,
      told: [
        "error unmatched-key: 1 of the 4 adapted modules is not in the base base: "
          + "model.layers.3.q; the adapter has layers 1 to 3 of \"model.layers\", and the base layers "
          + "0 to 2: they are as many, counted from 1 more, so that those with a place would change "
          + "the wrong layer"
      ], placement: [4, 0, 0, 0, 2]),
    BaseCase(
      name: "layers counted from 0",
      adapter: (0...1).flatMap { pair("model.layers.\($0).q") }, base: Array(layers[1...]),
      told: [
        "error unmatched-key: 1 of the 3 adapted modules is not in the base base: "
          + "model.layers.0.q; the adapter has layers 0 to 1 of \"model.layers\", and the base layers "
          + "1 to 2: they are as many, counted from 1 less, so that those with a place would change "
          + "the wrong layer"
      ], placement: [2, 0, 0, 0, 2]),
    BaseCase(
      name: "rows of an embedding that is not there", configuration: tokens,
      adapter: [("wte.token_adapter.trainable_tokens_delta", [2, 4])], base: layers,
      told: [
        "error unmatched-key: \"base_model.model.wte.token_adapter.trainable_tokens_delta\" holds "
          + "rows of \"wte.weight\", which the base base does not have"
      ], placement: [0, 0, 0, 0, 1]),
    BaseCase(
      name: "rows of an embedding and of the output that is tied to it",
      configuration: #"{"r": 2, "lora_alpha": 2, "trainable_token_indices": [1, 7]}"#,
      adapter: [
        ("model.embed_tokens.token_adapter.trainable_tokens_delta", [2, 4]),
        ("lm_head.token_adapter.trainable_tokens_delta", [2, 4]),
      ], base: [embedding] + layers, told: [], placement: [0, 0, 2, 0, 0]),
    BaseCase(
      name: "rows beyond the embedding", configuration: tokens,
      adapter: [("model.embed_tokens.token_adapter.trainable_tokens_delta", [2, 4])],
      base: [embedding, head],
      told: [
        "error vocabulary-mismatch: "
          + "\"base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta\" is for row 9 "
          + "of model.embed_tokens.weight, which has 8 rows"
      ], placement: [0, 0, 1, 0, 0]),
    BaseCase(
      name: "rows of an embedding that was resized and saved", configuration: tokens,
      adapter: [
        ("model.embed_tokens.token_adapter.trainable_tokens_delta", [2, 4]),
        ("model.embed_tokens.token_adapter.base_layer.weight", [10, 4]),
        ("lm_head.weight", [10, 4]),
      ], base: [embedding, head],
      told: [grown("lm_head.weight", "embed_tokens.token_adapter.base_layer.weight")],
      placement: [0, 0, 3, 0, 0]),
    BaseCase(
      name: "factors of an embedding that was resized and saved",
      adapter: [
        ("lm_head.base_layer.weight", [10, 4]), ("lm_head.lora_A.weight", [2, 4]),
        ("lm_head.lora_B.weight", [10, 2]), ("model.embed_tokens.base_layer.weight", [10, 4]),
        ("model.embed_tokens.lora_embedding_A", [2, 10]),
        ("model.embed_tokens.lora_embedding_B", [4, 2]),
      ], base: [embedding, head],
      told: [grown("lm_head.base_layer.weight", "embed_tokens.base_layer.weight")],
      placement: [4, 0, 2, 0, 0]),
    BaseCase(
      name: "modules to save with the copies that PEFT writes beside them",
      configuration: #"{"r": 2, "modules_to_save": ["embed_tokens", "lm_head"]}"#,
      adapter: ["lm_head", "model.embed_tokens"].flatMap { module in
        ["", "modules_to_save.", "original_module."].map { ("\(module).\($0)weight", [10, 4]) }
      }, base: [embedding, head], told: [grown("lm_head.weight", "embed_tokens.weight")],
      placement: [0, 0, 2, 4, 0]),
    BaseCase(
      name: "an embedding without an output of its size",
      adapter: [("model.embed_tokens.weight", [10, 4])], base: [embedding, head],
      told: [
        "error vocabulary-mismatch: \"base_model.model.model.embed_tokens.weight\" has 10 rows, but "
          + "\"lm_head.weight\" of the base has 8, and the adapter brings none of that size in its place"
      ], placement: [0, 0, 1, 0, 0]),
    BaseCase(
      name: "tensors of the base that were saved along",
      configuration: #"{"r": 2, "lora_alpha": 2, "modules_to_save": ["gate"]}"#,
      adapter: [
        ("model.norm.weight", [4]), ("model.gate.weight", [4]), ("model.norm.bias", [4]),
        ("model.layers.0.q.base_layer.weight", [4, 4]),
      ],
      base: layers + [
        ("model.norm.weight", [4]), ("model.gate.weight", [4]), ("model.norm.bias", [4]),
      ],
      told: [
        "warning base-tensor-in-adapter: 2 tensors "
          + "(base_model.model.model.layers.0.q.base_layer.weight, base_model.model.model.norm.weight) "
          + "are the base's by name, with other values, and modules_to_save does not name them: PEFT "
          + "and a merge put them in place of the base's"
      ], placement: [0, 0, 4, 0, 0]),
    BaseCase(
      name: "modules to save by the letters at their end",
      configuration: #"{"r": 2, "lora_alpha": 2, "modules_to_save": ["norm"]}"#,
      adapter: [("model.input_layernorm.weight", [4]), ("model.norm.weight", [4])],
      base: [("model.input_layernorm.weight", [4]), ("model.norm.weight", [4])], told: [],
      placement: [0, 0, 2, 0, 0]),
    BaseCase(
      name: "a module that the base has not",
      configuration:
        #"{"r": 2, "lora_alpha": 2, "modules_to_save": ["score"], "task_type": "SEQ_CLS"}"#,
      adapter: [("score.weight", [3, 4])], base: layers,
      told: [
        "note config-mismatch: tensor \"score.weight\" is new, as the base base has no such tensor: "
          + "PEFT loads it into the class of model that was trained (task_type SEQ_CLS), and a merge "
          + "writes it"
      ], placement: [0, 0, 1, 0, 0]),
    BaseCase(
      name: "a module that the base has not, and no class that has it",
      configuration:
        #"{"r": 2, "lora_alpha": 2, "modules_to_save": ["gate"], "task_type": "CAUSAL_LM"}"#,
      adapter: [("gate.weight", [3, 4])], base: layers,
      told: [
        "warning config-mismatch: tensor \"gate.weight\" is new, as the base base has no such tensor: "
          + "PEFT loads it only into the class of model that was trained (task_type CAUSAL_LM), and "
          + "drops it without a word in any other"
      ], placement: [0, 0, 1, 0, 0]),
    BaseCase(
      name: "a head of other labels",
      configuration: #"{"r": 2, "lora_alpha": 2, "modules_to_save": ["score"]}"#,
      adapter: [("score.weight", [3, 4])], base: layers + [("score.weight", [2, 4])],
      told: [
        "warning config-mismatch: tensor \"base_model.model.score.weight\": 3 rows where the base has "
          + "2: the number of labels was changed in training; PEFT loads it into a base that is "
          + "loaded with num_labels 3 and ignore_mismatched_sizes, and a merge takes the whole head "
          + "and the number of labels from the adapter"
      ], placement: [0, 0, 1, 0, 0]),
    BaseCase(
      name: "an output of Whisper that was tied",
      configuration: #"{"r": 2, "lora_alpha": 2, "modules_to_save": ["proj_out"]}"#,
      adapter: [("proj_out.weight", [8, 4])],
      base: [
        ("model.decoder.embed_tokens.weight", [8, 4]), ("model.encoder.conv1.weight", [4, 4]),
      ],
      told: [
        "warning tied-weights: \"proj_out.weight\" is adapted, but the base ties it to its embedding "
          + "and holds no tensor of its own for it: one of modules_to_save is a copy of its own in "
          + "PEFT; the merged model needs a head of its own and tie_word_embeddings false"
      ], placement: [0, 0, 1, 0, 0]),
    // That is told without the base.
    BaseCase(
      name: "a factor without the other", adapter: [("model.layers.0.q.lora_A.weight", [2, 4])],
      base: layers, told: [], placement: [0, 0, 0, 0, 1]),
  ]

  private static func grown(_ head: String, _ embedding: String) -> String {
    "warning vocabulary-mismatch: 2 tensors (base_model.model.\(head), "
      + "base_model.model.model.\(embedding)): 10 rows where the base has 8: the vocabulary was "
      + "changed in training; PEFT loads it after resize_token_embeddings(10), and a merge takes the "
      + "whole embedding and vocab_size from the adapter"
  }

  @Test(arguments: cases)
  func `tells what has no place, and counts each tensor once`(row: BaseCase) throws {
    let checkpoint = Checkpoint(
      path: "adapter", format: .safetensors,
      records: (row.adapter + Self.pair("z")).map { tensor("base_model.model.\($0)", $1, .f32) })
    let configuration = try AdapterConfiguration(
      JSONValue(parsing: Array(row.configuration.utf8)), path: "adapter_config.json")
    let family = try #require(
      AdapterFamily.recognised(AdapterSurvey(checkpoint)))
    let adapter = try Adapter.read(checkpoint, as: family, configuration: configuration)
    let base = Checkpoint(
      path: "base", format: .safetensors,
      records: (row.base + [("z.weight", [4, 4])]).map { tensor($0, $1, .f32) })
    let checks = try AdapterBaseChecks(adapter, of: checkpoint, base: base)
    #expect(
      try checks.findings().map { "\($0.severity.rawValue) \($0.code.rawValue): \($0.message)" }
        == row.told)
    let placement = checks.placement
    let fates: [AdapterPlacement.Fate] = [.update, .shared, .replacement, .copy, .unplaced]
    #expect(fates.map { placement.count($0) - ($0 == .update ? 2 : 0) } == row.placement)
    #expect(placement.tensorCount == row.adapter.count + 2)
  }

  @Test(arguments: [
    (
      #"{"r": 2, "use_dora": false}"#, true,
      [
        "warning config-mismatch: module \"q\" has a lora_magnitude_vector, but use_dora is not true: "
          + "PEFT would ignore it without a word, and so does a merge with --numerics peft; any other "
          + "merge does not"
      ]
    ),
    (#"{"r": 2, "use_dora": true}"#, true, []),
    (#"{"r": 2, "use_dora": false}"#, false, []),
  ])
  func `magnitudes without use_dora are told of, also by a merge`(
    configuration: String, hasMagnitude: Bool, told: [String]
  ) throws {
    let names = ["q.lora_A.weight", "q.lora_B.weight"]
    let records = names.map { tensor("base_model.model.\($0)", [2, 2], .f32) }
    let checkpoint = Checkpoint(
      path: "adapter", format: .safetensors,
      records: records
        + (hasMagnitude ? [tensor("base_model.model.q.lora_magnitude_vector", [2], .f32)] : []))
    let family = try #require(AdapterFamily.recognised(AdapterSurvey(checkpoint)))
    let parsed = try AdapterConfiguration(
      JSONValue(parsing: Array(configuration.utf8)), path: "adapter_config.json")
    let adapter = try Adapter.read(checkpoint, as: family, configuration: parsed)
    #expect(
      adapter.findings.filter { $0.code == .configMismatch }
        .map { "\($0.severity.rawValue) \($0.code.rawValue): \($0.message)" } == told)
  }
}
