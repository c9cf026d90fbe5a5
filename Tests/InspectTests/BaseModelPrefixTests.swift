import Formats
import TestSupport
import Testing

@testable import Inspect

/// Adapters of classes with a head on bases without one, and the reverse.
@Suite struct BaseModelPrefixTests {
  private let directory = TemporaryDirectory()

  struct Case: CustomTestStringConvertible {
    let name: String
    var configuration: String?
    /// What the adapter's configuration says of the class.
    var trained = ""
    let adapter: [String]
    let base: [String]
    /// What the modules are called in the base; nil where they stay.
    let result: [String]?
    var testDescription: String { name }
  }

  private static let gpt2 = #"{"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}"#
  private static let llama = #"{"model_type": "llama"}"#
  private static let bare = #", "task_type": "FEATURE_EXTRACTION""#

  private static func ofClass(_ name: String) -> String {
    #", "auto_mapping": {"base_model_class": "\#(name)", "#
      + #""parent_library": "transformers.models.x.modeling_x"}"#
  }

  static let cases = [
    Case(
      name: "a head on a bare base", configuration: gpt2, trained: #", "task_type": "CAUSAL_LM""#,
      adapter: ["transformer.h.0.c", "transformer.h.1.c"], base: ["h.0.c", "h.1.c"],
      result: ["h.0.c", "h.1.c"]),
    Case(
      name: "a class that is not told", configuration: gpt2, adapter: ["transformer.h.0.c"],
      base: ["h.0.c"], result: ["h.0.c"]),
    Case(
      name: "a bare model on a base with a head", configuration: llama, trained: bare,
      adapter: ["layers.0.q"], base: ["model.layers.0.q", "lm_head"], result: ["model.layers.0.q"]),
    Case(
      name: "a bare class by its name", configuration: llama, trained: ofClass("LlamaModel"),
      adapter: ["layers.0.q"], base: ["model.layers.0.q"], result: ["model.layers.0.q"]),
    // PEFT would look for them under their names in the class with a head, and find none.
    Case(
      name: "a prefix that is lost", configuration: llama, trained: #", "task_type": "CAUSAL_LM""#,
      adapter: ["layers.0.q"], base: ["model.layers.0.q"], result: nil),
    Case(
      name: "a lost prefix, by the class", configuration: llama,
      trained: ofClass("LlamaForCausalLM"), adapter: ["layers.0.q"], base: ["model.layers.0.q"],
      result: nil),
    Case(
      name: "a lost prefix without a word", configuration: llama, adapter: ["layers.0.q"],
      base: ["model.layers.0.q"], result: nil),
    Case(
      name: "a prefix twice", configuration: llama, adapter: ["model.model.layers.0.q"],
      base: ["model.layers.0.q"], result: nil),
    Case(
      name: "another model's prefix", configuration: llama, adapter: ["transformer.layers.0.q"],
      base: ["layers.0.q"], result: nil),
    Case(
      name: "a model without an attribute", configuration: #"{"model_type": "clip"}"#,
      adapter: ["model.text_model.q"], base: ["text_model.q"], result: nil),
    Case(
      name: "T5 with labels", configuration: #"{"model_type": "t5"}"#,
      trained: #", "task_type": "SEQ_CLS""#, adapter: ["transformer.encoder.q"],
      base: ["encoder.q"], result: ["encoder.q"]),
    Case(
      name: "T5 with an output", configuration: #"{"model_type": "t5"}"#,
      trained: ofClass("T5ForConditionalGeneration"), adapter: ["transformer.encoder.q"],
      base: ["encoder.q"], result: nil),
    Case(
      name: "most of the modules", configuration: gpt2,
      adapter: ["transformer.h.0.c", "transformer.h.1.c", "transformer.h.9.c"],
      base: ["h.0.c", "h.1.c"], result: ["h.0.c", "h.1.c", "transformer.h.9.c"]),
    Case(
      name: "few of the modules", configuration: gpt2,
      adapter: ["transformer.h.0.c", "transformer.h.8.c", "transformer.h.9.c"], base: ["h.0.c"],
      result: nil),
    Case(
      name: "no configuration", adapter: ["transformer.h.0.c"], base: ["h.0.c"],
      result: ["h.0.c"]),
    Case(
      name: "no configuration, and a name of a model", adapter: ["bert.encoder.q"],
      base: ["encoder.q"], result: nil),
    Case(
      name: "no configuration, and a name of nothing", adapter: ["wrapper.encoder.q"],
      base: ["encoder.q"], result: nil),
    Case(
      name: "no configuration, and two that could be", trained: bare, adapter: ["encoder.q"],
      base: ["model.encoder.q", "transformer.encoder.q"], result: nil),
    Case(
      name: "other names as well", configuration: #"{"model_type": "vit"}"#,
      trained: ofClass("ViTForImageClassification"), adapter: ["vit.layers.0.attention.q_proj"],
      base: ["encoder.layer.0.attention.attention.query"],
      result: ["encoder.layer.0.attention.attention.query"]),
    Case(
      name: "a model that sees, in its old layout", configuration: #"{"model_type": "llava"}"#,
      trained: ofClass("LlavaModel"), adapter: ["language_model.layers.0.q"],
      base: ["language_model.model.layers.0.q", "vision_tower.encoder.0.fc"],
      result: ["language_model.model.layers.0.q"]),
  ]

  private func adapter(_ row: Case) throws -> Adapter {
    let checkpoint = Checkpoint(
      path: "mine", format: .safetensors,
      records: row.adapter.flatMap { path in
        ["A", "B"].map { tensor("base_model.model.\(path).lora_\($0).weight") }
      })
    let configuration = try AdapterConfiguration(
      JSONValue(parsing: Array(#"{"r": 2, "lora_alpha": 2\#(row.trained)}"#.utf8)),
      path: "adapter_config.json")
    let family = try #require(AdapterFamily.recognised(AdapterSurvey(checkpoint)))
    return try Adapter.read(checkpoint, as: family, configuration: configuration)
  }

  private func base(_ row: Case) throws -> Checkpoint {
    var base = Checkpoint(
      path: "base", format: .safetensors, records: row.base.map { tensor("\($0).weight") })
    if let text = row.configuration {
      base.sideFiles = [try directory.sideFile("config.json", text)]
    }
    return base
  }

  @Test(arguments: cases)
  func `finds the modules of a class with a head in one without, and the reverse`(row: Case)
    throws
  {
    let adapter = try adapter(row)
    let (relaid, finding) = adapter.relaid(onto: try base(row), tied: nil)
    #expect(relaid.modules.map(\.target) == row.result ?? adapter.modules.map(\.target))
    #expect((finding?.severity == .note) == (row.result != nil))
  }

  @Test func `says which way the names differ`() throws {
    let names = [
      "a head on a bare base", "a bare model on a base with a head", "other names as well",
    ]
    let told = try names.map { name in
      let row = try #require(Self.cases.first { $0.name == name })
      return try adapter(row).relaid(onto: try base(row), tied: nil).finding?.message
    }
    #expect(
      told == [
        "the adapter has 2 names (transformer.h.{0..1}.c) with \"transformer.\" before them, which "
          + "transformers puts before the names of the base when it loads them: they are taken for "
          + "h.{0..1}.c ×2",
        "the adapter has name \"layers.0.q\" without \"model.\" before it, which transformers takes "
          + "from the names of the base when it loads them: they are taken for model.layers.0.q",
        "the adapter has name \"vit.layers.0.attention.q_proj\" with \"vit.\" before it, which "
          + "transformers puts before the names of the base when it loads them, besides renaming "
          + "them: they are taken for encoder.layer.0.attention.attention.query",
      ])
  }

  @Test func `a head keeps its name, and an embedding has the base's`() throws {
    let checkpoint = Checkpoint(
      path: "mine", format: .safetensors,
      records: ["transformer.h.0.c.lora_A", "transformer.h.0.c.lora_B", "transformer.wte", "score"]
        .map { tensor("base_model.model.\($0).weight") })
    let adapter = try Adapter(checkpoint, alpha: 2)
    let row = Case(
      name: "", configuration: Self.gpt2, adapter: [], base: ["h.0.c", "wte"], result: nil)
    let relaid = adapter.relaid(onto: try base(row), tied: nil).adapter
    #expect(relaid.replacements.map(\.target) == ["score.weight", "wte.weight"])
  }

  @Test func `a whole model may have the names of the other class`() throws {
    let row = Case(
      name: "", configuration: Self.gpt2, adapter: [], base: ["h.0.c", "h.1.c", "wte"], result: nil)
    let base = try base(row)
    let merged = Checkpoint(
      path: "merged", format: .safetensors,
      records: ["transformer.h.0.c", "transformer.h.1.c", "transformer.wte", "score"].map {
        tensor("\($0).weight")
      })
    let (renamed, finding) = merged.named(like: base)
    #expect(
      renamed.records.map(\.name) == ["h.0.c.weight", "h.1.c.weight", "wte.weight", "score.weight"])
    #expect(finding?.severity == .note)
    #expect(base.named(like: base).finding == nil)
  }

  // Heads

  static let heads: [(trained: String, base: String, becomes: String?)] = [
    (#"{"task_type": "SEQ_CLS"}"#, "LlamaForCausalLM", "LlamaForSequenceClassification"),
    (#"{"task_type": "TOKEN_CLS"}"#, "BertModel", "BertForTokenClassification"),
    (#"{"task_type": "QUESTION_ANS"}"#, "GPT2LMHeadModel", "GPT2ForQuestionAnswering"),
    // transformers has no such class.
    (#"{"task_type": "TOKEN_CLS"}"#, "BartForConditionalGeneration", nil),
    (#"{"task_type": "SEQ_CLS"}"#, "OwnForCausalLM", nil),
    (#"{"task_type": "CAUSAL_LM"}"#, "LlamaModel", nil),
    ("{}", "LlamaModel", nil),
    (
      "{\(ofClass("ViTForImageClassification").dropFirst())}", "ViTModel",
      "ViTForImageClassification"
    ),
    ("{\(ofClass("LlamaModel").dropFirst())}", "LlamaForCausalLM", nil),
    (
      #"{"auto_mapping": {"base_model_class": "Mine", "parent_library": "my.models"}}"#,
      "BertModel",
      nil
    ),
  ]

  @Test(arguments: heads)
  func `the task and the base tell the class that was trained`(
    trained: String, base: String, becomes: String?
  ) throws {
    let configuration = try AdapterConfiguration(
      JSONValue(parsing: Array(trained.utf8)), path: "adapter_config.json")
    let model = ModelConfiguration(
      try JSONValue(parsing: Array(#"{"architectures": ["\#(base)"]}"#.utf8)))
    #expect(TrainedClass(configuration).architecture(of: model) == becomes)
  }

  @Test func `the last layer of a head counts labels`() {
    let counted = [
      "classifier.weight", "score.bias", "qa_outputs.weight", "classifier.out_proj.weight",
      "model.classification_head.out_proj.bias", "decode_head.classifier.weight",
    ]
    let others = [
      "classifier.dense.weight", "self_attn.out_proj.weight", "weight", "lm_head.weight",
      "classifier.lora_A.weight", "pre_classifier.weight", "out_proj.weight",
    ]
    #expect(counted.allSatisfy(LabelLayer.isOfLabels))
    #expect(!others.contains(where: LabelLayer.isOfLabels))
    #expect(LabelLayer.isOther([5, 4], [2, 4], name: "score.weight"))
    #expect(!LabelLayer.isOther([5, 3], [2, 4], name: "score.weight"))
    #expect(!LabelLayer.isOther([2, 4], [2, 4], name: "score.weight"))
    #expect(!LabelLayer.isOther([], [], name: "score.weight"))
  }
}
