import Formats
import Testing

@testable import Inspect

/// A model's configuration against the tensors of its layers.
@Suite struct CheckProjectionTests {
  private static let head = ("lm_head.weight", [8, 4])
  private static let embedding = ("model.embed_tokens.weight", [8, 4])
  private static func layer(_ number: Int, gate: Int = 6, key: Int = 2) -> [(String, [Int])] {
    [
      ("model.layers.\(number).mlp.gate_proj.weight", [gate, 4]),
      ("model.layers.\(number).self_attn.k_proj.weight", [key, 4]),
    ]
  }
  private static let sizes =
    #""intermediate_size": 6, "num_key_value_heads": 1, "num_attention_heads": 2, "hidden_size": 4"#

  private static let causal = #""architectures": ["LlamaForCausalLM"]"#
  private static let absent =
    "error missing-key: \"lm_head.weight\" is missing: config.json says tie_word_embeddings false, so "
    + "that \"model.embed_tokens.weight\" does not stand for it, and LlamaForCausalLM would fill it "
    + "with random values"

  @Test(arguments: [
    (sizes, layer(0) + layer(1), []),
    (
      sizes, layer(0, gate: 5) + layer(1, gate: 5),
      [
        "warning config-mismatch: 2 tensors (model.layers.{0..1}.mlp.gate_proj.weight) have 5 rows, "
          + "but config.json says intermediate_size 6"
      ]
    ),
    (
      sizes, layer(0, key: 4),
      [
        "warning config-mismatch: tensor \"model.layers.0.self_attn.k_proj.weight\" has 4 rows, but "
          + "config.json says num_key_value_heads 1, hidden_size 4 and num_attention_heads 2"
      ]
    ),
    (
      #""num_key_value_heads": 1, "head_dim": 3"#, layer(0),
      [
        "warning config-mismatch: tensor \"model.layers.0.self_attn.k_proj.weight\" has 2 rows, but "
          + "config.json says num_key_value_heads 1 and head_dim 3"
      ]
    ),
    // Heads of another part, and of layers that slide.
    (
      #""text_config": {"num_key_value_heads": 1, "hidden_size": 4, "num_attention_heads": 2}, "#
        + #""head_dim": 3"#, layer(0), []
    ),
    (#""num_key_value_heads": 1, "head_dim": 3, "swa_head_dim": 2"#, layer(0), []),
    (#""num_key_value_heads": 1, "head_dim": 3, "kv_lora_rank": 2"#, layer(0), []),
    // Layers that differ have lists of their own.
    (sizes, layer(0, gate: 5) + layer(1), []),
    (sizes, [("vision.layers.0.mlp.gate_proj.weight", [5, 4])], []),
    (#""tie_word_embeddings": false, \#(causal)"#, [embedding], [absent]),
    (#""tie_word_embeddings": false, \#(causal)"#, [embedding, head], []),
    (#""tie_word_embeddings": true, \#(causal)"#, [embedding], []),
    (causal, [embedding], []),
    (#""tie_word_embeddings": false, "architectures": ["LlamaModel"]"#, [embedding], []),
  ])
  func `sizes and outputs that the configuration promises`(
    configuration: String, tensors: [(String, [Int])], told: [String]
  ) throws {
    let checks = ModelChecks(
      checkpoint: Checkpoint(
        path: "x", format: .safetensors, records: tensors.map { tensor($0, $1) }),
      configuration: ModelConfiguration(
        try JSONValue(parsing: Array("{\(configuration)}".utf8))))
    #expect(
      (checks.projections() + checks.absentOutput()).map {
        "\($0.severity.rawValue) \($0.code.rawValue): \($0.message)"
      } == told)
  }

  private static let text = #""model_type": "mllama", "text_config": {"vocab_size": 8}"#

  @Test(arguments: [
    (text, [16, 4], nil),
    (#""model_type": "mllama_text_model", "vocab_size": 8"#, [16, 4], nil),
    (text, [8, 4], "has 8 rows, but config.json says vocab_size 8, which makes 16"),
    (#""vocab_size": 6, "additional_vocab_size": 2"#, [8, 4], nil),
    (#""vocab_size": 6"#, [8, 4], "has 8 rows, but config.json says vocab_size 6"),
    (#""model_type": "kyutai_speech_to_text", "vocab_size": 6"#, [8, 4], nil),
    (
      #""vocab_size": \#(Int.max), "additional_vocab_size": 2"#, [8, 4], nil
    ),
  ])
  func `some models reserve rows of their input beyond the vocabulary`(
    configuration: String, shape: [Int], told: String?
  ) throws {
    let checks = ModelChecks(
      checkpoint: Checkpoint(
        path: "x", format: .safetensors, records: [tensor(Self.embedding.0, shape)]),
      configuration: ModelConfiguration(
        try JSONValue(parsing: Array("{\(configuration)}".utf8))))
    #expect(checks.sizes().map(\.message) == (told.map { ["\"\(Self.embedding.0)\" \($0)"] } ?? []))
  }
}
