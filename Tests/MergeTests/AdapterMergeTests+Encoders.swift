import Formats
import Inspect
import TestSupport
import Testing

@testable import Merge

/// Tied embeddings of models with an encoder and a decoder.
extension AdapterMergeTests {
  struct PartedCase: CustomTestStringConvertible, Sendable {
    let model: String
    let prefix: String
    let input: String
    let names: [String]
    /// What the configuration says afterwards; nil where it stays.
    let says: [String]?
    var testDescription: String { model }
  }

  static let parted = [
    PartedCase(
      model: "bart", prefix: "model.", input: "shared",
      names: ["model.decoder.embed_tokens.weight", "model.encoder.embed_tokens.weight"],
      says: [#""tie_word_embeddings": false"#]),
    PartedCase(
      model: "prophetnet", prefix: "prophetnet.", input: "word_embeddings",
      names: [
        "prophetnet.decoder.word_embeddings.weight", "prophetnet.encoder.word_embeddings.weight",
      ], says: [#""tie_word_embeddings": false"#]),
    // What tells transformers to scale what the decoder leaves.
    PartedCase(
      model: "t5", prefix: "", input: "shared",
      names: ["decoder.embed_tokens.weight", "encoder.embed_tokens.weight"],
      says: [#""tie_word_embeddings": false"#, #""scale_decoder_outputs": true"#]),
    PartedCase(
      model: "switch_transformers", prefix: "", input: "shared",
      names: ["decoder.embed_tokens.weight", "encoder.embed_tokens.weight"], says: nil),
  ]

  @Test(arguments: parted)
  func `parted embeddings are written under all names`(row: PartedCase) throws {
    let directory = TemporaryDirectory()
    let input = "\(row.prefix)\(row.input).weight"
    let base = try base(
      in: directory, #"{"model_type": "\#(row.model)", "tie_word_embeddings": true}"#,
      [
        input: ones([5, 4]), "\(row.prefix)encoder.q.weight": ones([4, 4]),
        "\(row.prefix)decoder.q.weight": ones([4, 4]),
      ])
    let adapter = try adapter(in: directory, pair("lm_head", 5, 4))
    let plan = try plan(base, [WeightedAdapter(adapter)])
    let embeddings = plan.tensors.filter { $0.shape == [5, 4] }
    #expect(embeddings.map(\.name).sorted() == (row.names + [input, "lm_head.weight"]).sorted())
    let updated = plan.tensors.filter { if case .update = $0.operation { true } else { false } }
    #expect(updated.map(\.name) == ["lm_head.weight"])
    let text = configuration(plan)
    #expect((text == nil) == (row.says == nil))
    for field in row.says ?? [] { #expect(text?.contains(field) == true) }
  }

  @Test func `a decoder that says how it scales keeps that`() throws {
    let directory = TemporaryDirectory()
    let base = try base(
      in: directory,
      #"{"model_type": "t5", "tie_word_embeddings": true, "scale_decoder_outputs": false}"#,
      ["shared.weight": ones([5, 4]), "encoder.q.weight": ones([4, 4])])
    let adapter = try adapter(in: directory, pair("lm_head", 5, 4))
    let text = configuration(try plan(base, [WeightedAdapter(adapter)]))
    #expect(text?.contains(#""scale_decoder_outputs": false"#) == true)
    #expect(text?.contains(#""tie_word_embeddings": false"#) == true)
  }

  struct JoinedCase: CustomTestStringConvertible, Sendable {
    let decoder: String
    let tensors: [String]
    let target: String
    let added: [String]
    var testDescription: String { "\(decoder) \(target)" }
  }

  static let joined = [
    JoinedCase(
      decoder: "gpt2", tensors: ["transformer.wte.weight"], target: "lm_head",
      added: ["decoder.lm_head.weight"]),
    JoinedCase(
      decoder: "bert",
      tensors: [
        "bert.embeddings.word_embeddings.weight", "cls.predictions.transform.dense.weight",
        "cls.predictions.bias",
      ], target: "cls.predictions.decoder",
      added: ["decoder.cls.predictions.decoder.bias", "decoder.cls.predictions.decoder.weight"]),
    JoinedCase(
      decoder: "trocr", tensors: ["model.decoder.embed_tokens.weight"],
      target: "output_projection", added: ["decoder.output_projection.weight"]),
  ]

  @Test(arguments: joined)
  func `a decoder that is joined to an encoder has a tied output of its own`(row: JoinedCase)
    throws
  {
    let directory = TemporaryDirectory()
    let names = ["encoder.embeddings.word_embeddings.weight"] + row.tensors.map { "decoder.\($0)" }
    try directory.write(
      names.map { ($0, ones($0.hasSuffix("bias") ? [5] : [5, 4])) }, to: "base/model.safetensors")
    // The model's own word is about tying its encoder and its decoder.
    try directory.write(
      """
      {"model_type": "vision-encoder-decoder", "tie_word_embeddings": false,
       "decoder": {"model_type": "\(row.decoder)", "tie_word_embeddings": true}}
      """, to: "base/config.json")
    let base = try Checkpoint.open(directory.path("base"))
    let adapter = try adapter(in: directory, pair("decoder.\(row.target)", 5, 4))
    let plan = try plan(base, [WeightedAdapter(adapter)])
    #expect(plan.tensors.map(\.name).sorted() == (names + row.added).sorted())
    let updated = plan.tensors.filter { if case .update = $0.operation { true } else { false } }
    #expect(updated.map(\.name) == ["decoder.\(row.target).weight"])
    #expect(configuration(plan)?.contains(#""tie_word_embeddings": true"#) == false)
  }

  static let copies: [(name: String, keepsTied: Bool, config: String, changed: [String])] = [
    (
      "each part by itself", false, #""architectures": ["BartForConditionalGeneration"]"#,
      ["model.encoder.embed_tokens.weight"]
    ),
    (
      "a model without an output", false, #""architectures": ["BartForSequenceClassification"]"#,
      ["model.encoder.embed_tokens.weight"]
    ),
    (
      "--keep-tied", true, #""architectures": ["BartForConditionalGeneration"]"#,
      ["model.shared.weight"]
    ),
  ]

  @Test(arguments: copies)
  func `an adapter may have the name of a part for the shared embedding`(
    name: String, keepsTied: Bool, config: String, changed: [String]
  ) throws {
    let directory = TemporaryDirectory()
    let base = try base(
      in: directory, #"{"tie_word_embeddings": true, \#(config)}"#,
      [
        "model.shared.weight": ones([5, 4]), "model.encoder.q.weight": ones([4, 4]),
        "model.decoder.q.weight": ones([4, 4]),
      ])
    let adapter = try adapter(
      in: directory,
      [
        "base_model.model.model.encoder.embed_tokens.lora_embedding_A": ones([2, 5]),
        "base_model.model.model.encoder.embed_tokens.lora_embedding_B": ones([4, 2]),
      ])
    let plan = try plan(base, [WeightedAdapter(adapter)], keepsTied: keepsTied)
    let updated = plan.tensors.filter { if case .update = $0.operation { true } else { false } }
    #expect(updated.map(\.name) == changed)
    #expect(
      configuration(plan)?.contains(#""tie_word_embeddings": false"#) ?? false == !keepsTied)
  }

  /// Names of the adapter's biases, and those whose tensors come from it.
  static let biases: [(brings: [String], replaces: [String], adaptsOutput: Bool)] = [
    (["cls.predictions.bias", "cls.predictions.decoder.bias"], ["cls.predictions.bias"], false),
    (["cls.predictions.decoder.bias"], ["cls.predictions.bias"], false),
    (
      ["cls.predictions.bias"], ["cls.predictions.bias", "cls.predictions.decoder.bias"], true
    ),
  ]

  @Test(arguments: biases)
  func `a bias that the base holds once takes what the adapter has under either name`(
    brings: [String], replaces: [String], adaptsOutput: Bool
  ) throws {
    let directory = TemporaryDirectory()
    let base = try base(
      in: directory, #"{"tie_word_embeddings": true}"#,
      [
        "bert.embeddings.word_embeddings.weight": ones([5, 4]), "cls.predictions.bias": ones([5]),
        "cls.predictions.transform.dense.weight": ones([4, 4]), "bert.q.weight": ones([4, 4]),
      ])
    let factors = adaptsOutput ? pair("cls.predictions.decoder", 5, 4) : pair("bert.q", 4, 4)
    var tensors = factors.map { ($0, $1) }
    for name in brings {
      tensors.append(("base_model.model.\(name)", TestTensor([5], [1, 2, 3, 4, 5])))
    }
    let adapter = try adapter(in: directory, fields: #", "bias": "all""#, tensors)
    let plan = try plan(base, [WeightedAdapter(adapter)])
    #expect(plan.tensors.filter(\.isReplacement).map(\.name).sorted() == replaces)
    #expect(plan.tensors.count { $0.name.hasSuffix("bias") } == replaces.count)
  }

  /// The decoder of another model ties its own, whatever that says of itself.
  @Test(arguments: [
    ["cls.predictions.bias", "cls.predictions.decoder.bias"], ["cls.predictions.decoder.bias"],
  ])
  func `a bias of a decoder's head takes its place where nothing says that it is tied`(
    brings: [String]
  ) throws {
    let directory = TemporaryDirectory()
    let base = try base(
      in: directory, #"{"tie_word_embeddings": false}"#,
      [
        "decoder.bert.embeddings.word_embeddings.weight": ones([5, 4]),
        "decoder.cls.predictions.bias": ones([5]), "decoder.bert.q.weight": ones([4, 4]),
      ])
    var tensors = pair("decoder.bert.q", 4, 4).map { ($0, $1) }
    for name in brings {
      tensors.append(("base_model.model.decoder.\(name)", TestTensor([5], [1, 2, 3, 4, 5])))
    }
    let adapter = try adapter(in: directory, fields: #", "bias": "all""#, tensors)
    let plan = try plan(base, [WeightedAdapter(adapter)])
    #expect(plan.tensors.filter(\.isReplacement).map(\.name) == ["decoder.cls.predictions.bias"])
    #expect(plan.tensors.count == 3)
  }
}
