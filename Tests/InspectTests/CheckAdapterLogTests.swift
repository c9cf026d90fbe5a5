import Formats
import Testing

@testable import Inspect

/// What PEFT calls missing, held against an adapter that has it under other names.
@Suite struct CheckAdapterLogTests {
  private static func factors(_ modules: [String], in lead: String = "base_model.model.")
    -> [String]
  {
    modules.flatMap { module in ["A", "B"].map { "\(lead)\(module).lora_\($0).weight" } }
  }

  private static func layers(_ list: String, _ modules: [String]) -> [String] {
    (0..<2).flatMap { layer in modules.map { "\(list).\(layer).\($0)" } }
  }

  private static let attention = ["self_attn.q_proj", "self_attn.v_proj"]

  struct Case: CustomTestStringConvertible {
    let name: String
    /// The modules of the adapter.
    let adapter: [String]
    /// Those that PEFT misses.
    let missing: [String]
    /// What stands before the modules in the file.
    var lead = "base_model.model."
    let message: String
    let fix: String?
    var testDescription: String { name }
  }

  private static let all =
    "; loaded as it is, every B stays zero and the adapter changes nothing"
  private static let some = "; loaded as it is, their B stays zero and nothing changes there"

  static let cases = [
    Case(
      name: "the first key is that of the part that the rules move",
      adapter: layers("model.layers", ["mlp.up_proj"]) + layers("visual.blocks", ["mlp.up_proj"]),
      missing: layers("model.language_model.layers", ["mlp.up_proj"])
        + layers("model.visual.blocks", ["mlp.up_proj"]),
      message: "the adapter has all 8 keys that are said to be missing, under other names: "
        + #""base_model.model.model.layers.0.mlp.up_proj.lora_A.weight" has to become "#
        + #""base_model.model.model.language_model.layers.0.mlp.up_proj.lora_A.weight""# + all,
      fix: #"--rename '\.layers\.=.language_model.layers.' --rename '\.visual\.=.model.visual.'"#),
    Case(
      name: "a key that is right as it is",
      adapter: ["classifier.dense"] + layers("encoder.layer", ["attention.self.query"]),
      missing: layers("roberta.encoder.layer", ["attention.self.query"]),
      message: "the adapter has all 4 keys that are said to be missing, under other names: "
        + #""base_model.model.encoder.layer.0.attention.self.query.lora_A.weight" has to become "#
        + #""base_model.model.roberta.encoder.layer.0.attention.self.query.lora_A.weight""# + some,
      fix: #"--rename '\.encoder\.=.roberta.encoder.'"#),
    Case(
      name: "a decoder beside the encoder that lost its beginning",
      adapter: layers("encoder.layers", attention) + layers("model.decoder.layers", attention),
      missing: layers("model.encoder.layers", attention),
      message: "the adapter has all 8 keys that are said to be missing, under other names: "
        + #""base_model.model.encoder.layers.0.self_attn.q_proj.lora_A.weight" has to become "#
        + #""base_model.model.model.encoder.layers.0.self_attn.q_proj.lora_A.weight""# + some,
      fix: #"--rename '\.encoder\.=.model.encoder.'"#),
    Case(
      name: "keys that PEFT translates stay as they are",
      adapter: layers("language_model.model.layers", attention)
        + layers("vision_tower.encoder.layers", attention),
      missing: layers("model.vision_tower.encoder.layers", attention),
      message: "the adapter has all 8 keys that are said to be missing, under other names: "
        + #""base_model.model.vision_tower.encoder.layers.0.self_attn.q_proj.lora_A.weight" has "#
        + #"to become "base_model.model.model.vision_tower.encoder.layers.0.self_attn.q_proj"#
        + #".lora_A.weight""# + some,
      fix: #"--rename '\.vision_tower\.=.model.vision_tower.'"#),
    Case(
      name: "two parameters of the experts behind a wrapper",
      adapter: layers("model.layers", ["mlp.experts", "mlp.experts.base_layer"]),
      missing: layers("model.layers", ["mlp.experts", "mlp.experts.base_layer"]),
      lead: "module.base_model.model.",
      message: "the adapter has all 8 keys that are said to be missing, under other names: "
        + #""module.base_model.model.model.layers.0.mlp.experts.lora_A.weight" has to become "#
        + #""base_model.model.model.layers.0.mlp.experts.lora_A.weight""# + all,
      fix: #"--rename '^module\.='"#),
    Case(
      name: "some of the modules of an encoder or a decoder",
      adapter: layers("layers", ["self_attn.q_proj"]),
      missing: layers("encoder.layers", attention + ["mlp.fc1"])
        + layers("decoder.layers", attention + ["mlp.fc1"]),
      message: "the adapter has keys for some of the 24 keys that are said to be missing, under "
        + #"other names, but "base_model.model.layers.0.self_attn.q_proj.lora_A.weight" could be "#
        + #""base_model.model.encoder.layers.0.self_attn.q_proj.lora_A.weight" or "#
        + #""base_model.model.decoder.layers.0.self_attn.q_proj.lora_A.weight", "#
        + "and nothing tells which" + some,
      fix: nil),
    Case(
      name: "either of two towers",
      adapter: layers("encoder.layers", attention),
      missing: layers("text_model.encoder.layers", attention)
        + layers("vision_model.encoder.layers", attention),
      message: "the adapter has keys for some of the 16 keys that are said to be missing, under "
        + #"other names, but "base_model.model.encoder.layers.0.self_attn.q_proj.lora_A.weight" "#
        + #"could be "base_model.model.text_model.encoder.layers.0.self_attn.q_proj.lora_A.weight""#
        + #" or "base_model.model.vision_model.encoder.layers.0.self_attn.q_proj.lora_A.weight", "#
        + "and nothing tells which" + some,
      fix: nil),
    Case(
      name: "the layers of a text model, though a tower has as many",
      adapter: layers("model.layers", attention),
      missing: layers("model.language_model.layers", attention)
        + layers("model.vision_tower.encoder.layers", attention),
      message: "the adapter has 8 of the 16 keys that are said to be missing, under other names: "
        + #""base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight" has to become "#
        + #""base_model.model.model.language_model.layers.0.self_attn.q_proj.lora_A.weight""# + all
        + "; the other 8 lie in the vision tower, which it does not adapt",
      fix: #"--rename '\.layers\.=.language_model.layers.'"#),
    Case(
      name: "keys that none of the missing ones is",
      adapter: layers("other.list", ["foo"]), missing: layers("model.layers", ["bar"]),
      message: "4 of the 4 keys that PEFT wants are not in the adapter by their names "
        + "(base_model.model.model.layers.{0..1}.bar.lora_A.weight ×2, "
        + "base_model.model.model.layers.{0..1}.bar.lora_B.weight ×2)" + some,
      fix: nil),
  ]

  @Test(arguments: cases)
  func `finds the missing keys of an adapter under other names`(row: Case) throws {
    let names = Self.factors(row.adapter, in: row.lead)
    let missing = Self.factors(row.missing).map {
      $0.replacing(".weight", with: ".default.weight")
    }
    let log =
      "Found missing adapter keys while loading the checkpoint: ["
      + missing.map { "'\($0)'" }.joined(separator: ", ") + "]."
    let checkpoint = Checkpoint(
      path: "x", format: .safetensors,
      records: names.map { tensor($0, $0.hasSuffix("A.weight") ? [2, 4] : [4, 2]) })
    let report = try CheckpointCheck(checkpoint).report(
      against: .log(log, source: "log", isFile: true), readsValues: false)
    let told = report.findings.filter {
      $0.severity == .error && ($0.code == .prefixDrift || $0.code == .missingKey)
    }
    #expect(told.map(\.message) == [row.message])
    #expect(told.map(\.fix) == [row.fix.map { "tenon remap x -o x-renamed \($0)" }])
    guard row.fix != nil else { return }
    // What the sentence says is what the rules do.
    let rules = try #require(report.suggestedMap).map {
      RenameRule(checked: $0.pattern, $0.replacement)
    }
    let results = try KeyMap(rules).renaming(of: names).results
    for key in Self.factors(row.missing) where row.message.contains(" all ") {
      #expect(results.contains(key))
    }
    let kept = zip(names, results).filter { !Self.factors(row.missing).contains($1) }
    #expect(kept.allSatisfy { $0 == $1 })
  }
}
