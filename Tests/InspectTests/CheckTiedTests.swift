import Formats
import TestSupport
import Testing

@testable import Inspect

/// Parameters that a model has twice and its file once.
@Suite struct CheckTiedTests {
  private let directory = TemporaryDirectory()

  static let sources: [(held: [String], name: String, source: String?)] = [
    (["shared.weight"], "encoder.embed_tokens.weight", "shared.weight"),
    (["shared.weight"], "lm_head.weight", "shared.weight"),
    (["model.shared.weight"], "model.decoder.embed_tokens.weight", "model.shared.weight"),
    (
      ["transformer.wte.weight", "transformer.wpe.weight"], "lm_head.weight",
      "transformer.wte.weight"
    ),
    (["model.decoder.embed_tokens.weight"], "lm_head.weight", "model.decoder.embed_tokens.weight"),
    (["model.decoder.embed_tokens.weight"], "proj_out.weight", "model.decoder.embed_tokens.weight"),
    (
      ["bert.embeddings.word_embeddings.weight"], "cls.predictions.decoder.weight",
      "bert.embeddings.word_embeddings.weight"
    ),
    (["cls.predictions.bias"], "cls.predictions.decoder.bias", "cls.predictions.bias"),
    (["lm_head.bias"], "lm_head.decoder.bias", "lm_head.bias"),
    (["predictions.bias"], "predictions.decoder.bias", "predictions.bias"),
    (
      ["p.word_embeddings.weight", "p.encoder.q.weight", "p.decoder.q.weight"],
      "p.decoder.word_embeddings.weight", "p.word_embeddings.weight"
    ),
    (["lm_head.weight"], "model.embed_tokens.weight", "lm_head.weight"),
    (["model.embed_tokens.weight"], "model.norm.weight", nil),
    (["model.norm.weight"], "lm_head.weight", nil),
    (["a.embed_tokens.weight", "b.embed_tokens.weight"], "lm_head.weight", nil),
    (["shared.weight"], "model.embed_tokens.weight", nil),
    (["h.0.bias"], "h.0.decoder.bias", nil),
  ]

  @Test(arguments: sources)
  func `finds the tensor that a parameter shares`(held: [String], name: String, source: String?) {
    #expect(TiedNames(held).source(of: name) == source)
  }

  struct TiedModel: CustomTestStringConvertible {
    let testDescription: String
    let configuration: String
    let held: [String]
    /// Input, output and copies; nil where nothing is tied.
    let names: [String?]?
  }

  static let models: [TiedModel] = [
    TiedModel(
      testDescription: "an encoder alone", configuration: #"{"architectures": ["T5EncoderModel"]}"#,
      held: ["shared.weight", "encoder.q.weight"],
      names: ["shared.weight", nil, "encoder.embed_tokens.weight"]),
    TiedModel(
      testDescription: "parts that share what the output does not",
      configuration: #"{"tie_word_embeddings": false}"#,
      held: ["shared.weight", "encoder.q.weight", "decoder.q.weight", "lm_head.weight"],
      names: ["shared.weight", nil, "encoder.embed_tokens.weight", "decoder.embed_tokens.weight"]),
    TiedModel(
      testDescription: "nothing tied", configuration: #"{"tie_word_embeddings": false}"#,
      held: ["model.embed_tokens.weight", "lm_head.weight"], names: nil),
    TiedModel(
      testDescription: "the language part says it",
      configuration: #"{"llm_config": {"tie_word_embeddings": true}}"#,
      held: ["language_model.model.embed_tokens.weight", "language_model.lm_head.weight"],
      names: ["language_model.model.embed_tokens.weight", "language_model.lm_head.weight"]),
    TiedModel(
      testDescription: "the language part says no",
      configuration: #"{"language_config": {"tie_word_embeddings": false}}"#,
      held: ["language_model.model.embed_tokens.weight"], names: nil),
    TiedModel(
      testDescription: "a translator", configuration: #"{"architectures": ["MarianMTModel"]}"#,
      held: ["model.shared.weight", "model.encoder.q.weight", "model.decoder.q.weight"],
      names: [
        "model.shared.weight", "lm_head.weight", "model.encoder.embed_tokens.weight",
        "model.decoder.embed_tokens.weight",
      ]),
  ]

  @Test(arguments: models)
  func `names of one tensor by names and configuration`(model: TiedModel) throws {
    var base = Checkpoint(
      path: "base", format: .safetensors, records: model.held.map { tensor($0) })
    base.sideFiles = [try directory.sideFile("config.json", model.configuration)]
    let tied = try TiedWeights(base)
    #expect(tied.map { [$0.input, $0.output] + $0.copies } == model.names)
  }

  private static let torch =
    "Missing key(s) in state_dict: \"encoder.embed_tokens.weight\", "
    + "\"decoder.embed_tokens.weight\", \"lm_head.weight\"."
  private static let report = """
    T5ForConditionalGeneration LOAD REPORT from: x
    Key                         | Status  |
    lm_head.weight              | MISSING |
    """
  private static let three =
    "3 missing keys (decoder.embed_tokens.weight, encoder.embed_tokens.weight, lm_head.weight)"
  private static let two =
    "2 missing keys (decoder.embed_tokens.weight, encoder.embed_tokens.weight)"
  private static let one = "missing key \"lm_head.weight\""
  private static let harmless =
    " share the tensors of \"shared.weight\", which the checkpoint holds once: nothing is lost; "
    + "from_pretrained of transformers ties them, only torch's strict load_state_dict wants each by "
    + "name: give it strict=False and call tie_weights() after it"

  static let logs: [(log: String, isTied: Bool?, told: [String])] = [
    (
      torch, nil,
      [
        "error: \(one) is lost, unless the model ties it to \"shared.weight\", which nothing here "
          + "says: where it does (tie_word_embeddings true), from_pretrained of transformers fills "
          + "it, and torch's load_state_dict needs strict=False and tie_weights() after it",
        "warning: \(two)\(harmless)",
      ]
    ),
    (torch, true, ["warning: \(three)\(harmless)"]),
    (
      torch, false,
      [
        "error: \(one) is lost: config.json beside x says tie_word_embeddings false, so that "
          + "\"shared.weight\" does not stand for it, and from_pretrained would fill it with random "
          + "values; take it from the model that was trained",
        "warning: \(two)\(harmless)",
      ]
    ),
    (
      report, nil,
      [
        "error: \(one) is lost: the model of the log does not tie it to \"shared.weight\", and "
          + "transformers filled it with random values; take it from the model that was trained, "
          + "unless that model tied it (tie_word_embeddings true)"
      ]
    ),
    (
      report, true,
      [
        "error: \(one): config.json beside x says tie_word_embeddings true, so that "
          + "\"shared.weight\" stands for it, but the model of the log did not tie it, and "
          + "transformers filled it with random values: it was made with another configuration"
      ]
    ),
    (
      report, false,
      [
        "error: \(one) is lost: neither the model of the log nor config.json beside x ties it to "
          + "\"shared.weight\", and transformers filled it with random values; take it from the "
          + "model that was trained"
      ]
    ),
  ]

  @Test(arguments: logs)
  func `a log about tied parameters`(log: String, isTied: Bool?, told: [String]) throws {
    var checkpoint = Checkpoint(
      path: "x", format: .safetensors,
      records: [tensor("shared.weight"), tensor("encoder.block.0.layer.0.SelfAttention.q.weight")])
    if let isTied {
      checkpoint.sideFiles = [
        try directory.sideFile("config.json", "{\"tie_word_embeddings\": \(isTied)}")
      ]
    }
    let report = try CheckpointCheck(checkpoint).report(
      against: .log(log, source: "log", isFile: true), readsValues: false)
    #expect(
      report.findings.filter { $0.code == .tiedWeights || $0.code == .missingKey }
        .map { "\($0.severity.rawValue): \($0.message)" } == told)
  }

  struct Case: CustomTestStringConvertible {
    let name: String
    /// What config.json of the base says; nil without one.
    var configuration: String?
    let base: [String]
    let checkpoint: [String]
    var missing: [String] = []
    var unexpected: [String] = []
    var told: [String] = []
    var testDescription: String { name }
  }

  private static let tied =
    #"{"tie_word_embeddings": true, "architectures": ["LlamaForCausalLM"]}"#
  private static let untied =
    #"{"tie_word_embeddings": false, "architectures": ["LlamaForCausalLM"]}"#
  private static let body = ["model.embed_tokens.weight", "model.norm.weight"]
  private static let whole = body + ["lm_head.weight"]

  static let bases: [Case] = [
    Case(
      name: "a tied head that the checkpoint has as well", configuration: tied, base: body,
      checkpoint: whole),
    Case(
      name: "a tied head that neither has", configuration: tied, base: body, checkpoint: body,
      missing: ["lm_head.weight"],
      told: [
        "note tied-weights: missing key \"lm_head.weight\" shares the tensor of "
          + "\"model.embed_tokens.weight\", which the checkpoint holds once: nothing is lost; "
          + "from_pretrained of transformers ties them, only torch's strict load_state_dict wants "
          + "each by name: give it strict=False and call tie_weights() after it"
      ]),
    Case(
      name: "a tied head under a wrapper", configuration: tied, base: body,
      checkpoint: whole.map { "module.\($0)" }, missing: whole,
      unexpected: whole.map { "module.\($0)" },
      told: [
        "error prefix-drift: the names differ by one change: without the beginning \"module.\", 3 of "
          + "the 3 unexpected keys are among the 3 missing ones, with the right shapes"
      ]),
    Case(
      name: "no head of an untied model", configuration: untied, base: whole, checkpoint: body,
      missing: ["lm_head.weight"],
      told: [
        "error missing-key: missing key \"lm_head.weight\" is lost: config.json of the base base says "
          + "tie_word_embeddings false, so that \"model.embed_tokens.weight\" does not stand for it, "
          + "and from_pretrained would fill it with random values; take it from the model that was "
          + "trained"
      ]),
    Case(
      name: "no embedding of an untied model", configuration: untied, base: whole,
      checkpoint: ["lm_head.weight", "model.norm.weight"], missing: ["model.embed_tokens.weight"],
      told: [
        "error missing-key: missing key \"model.embed_tokens.weight\" is lost: config.json of the "
          + "base base says tie_word_embeddings false, so that \"lm_head.weight\" does not stand for "
          + "it, and from_pretrained would fill it with random values; take it from the model that "
          + "was trained"
      ]),
    Case(
      name: "nothing says whether it is tied", base: whole, checkpoint: body,
      missing: ["lm_head.weight"],
      told: [
        "error missing-key: missing key \"lm_head.weight\" is lost, unless the model ties it to "
          + "\"model.embed_tokens.weight\", which nothing here says: where it does "
          + "(tie_word_embeddings true), from_pretrained of transformers fills it, and torch's "
          + "load_state_dict needs strict=False and tie_weights() after it"
      ]),
    Case(
      name: "a head that nothing says to be tied", base: body, checkpoint: whole,
      unexpected: ["lm_head.weight"],
      told: [
        "error tied-weights: \"lm_head.weight\" alone is unexpected: the base base holds none, as it "
          + "ties it to its embedding or has no output for tokens"
      ]),
    // The embedding is there under a name that the model does not know.
    Case(
      name: "an output of other names", configuration: untied, base: whole,
      checkpoint: ["model.embed_tokens.weight", "model.norm.weight", "lm_head.weight_g"],
      missing: ["lm_head.weight"], unexpected: ["lm_head.weight_g"],
      told: [
        "error missing-key: 1 key of the base base is missing: lm_head.weight",
        "error unmatched-key: 1 key is unknown to the base base: lm_head.weight_g",
      ]),
    Case(
      name: "a head in a list of one", configuration: untied, base: whole,
      checkpoint: body + ["lm_head.0.weight"], missing: ["lm_head.weight"],
      unexpected: ["lm_head.0.weight"],
      told: [
        "error prefix-drift: the names differ by one change: after the change "
          + #""^lm_head\.0\.=lm_head.", 1 of the 1 unexpected key is among the 1 missing one, "#
          + "with the right shapes"
      ]),
    Case(
      name: "a head that could be either of two", configuration: untied, base: whole,
      checkpoint: body + ["lm_head.0.weight", "lm_head.2.weight"], missing: ["lm_head.weight"],
      unexpected: ["lm_head.0.weight", "lm_head.2.weight"],
      told: [
        "error missing-key: 1 key of the base base is missing: lm_head.weight",
        "error unmatched-key: 2 keys are unknown to the base base: lm_head.{0,2}.weight ×2",
      ]),
    Case(
      name: "the copies of an encoder and a decoder",
      base: ["shared.weight", "encoder.norm.weight", "decoder.norm.weight"],
      checkpoint: [
        "shared.weight", "encoder.norm.weight", "decoder.norm.weight",
        "encoder.embed_tokens.weight",
      ], missing: ["decoder.embed_tokens.weight"],
      told: [
        "note tied-weights: missing key \"decoder.embed_tokens.weight\" shares the tensor of "
          + "\"shared.weight\", which the checkpoint holds once: nothing is lost; from_pretrained of "
          + "transformers ties them, only torch's strict load_state_dict wants each by name: give it "
          + "strict=False and call tie_weights() after it"
      ]),
  ]

  @Test(arguments: bases)
  func `the lists against a base are those of its model`(row: Case) throws {
    var base = Checkpoint(
      path: "base", format: .safetensors, records: row.base.map { tensor($0) })
    if let text = row.configuration {
      base.sideFiles = [try directory.sideFile("config.json", text)]
    }
    let checkpoint = Checkpoint(
      path: "x", format: .safetensors, records: row.checkpoint.map { tensor($0) })
    let report = try CheckpointCheck(checkpoint).report(against: .base(base), readsValues: false)
    #expect(report.load.missing.sorted() == row.missing.sorted())
    #expect(report.load.unexpected == row.unexpected)
    #expect(
      report.findings.filter { $0.code != .zeroSizeTensor }
        .map { "\($0.severity.rawValue) \($0.code.rawValue): \($0.message)" }
        == row.told)
  }
}
