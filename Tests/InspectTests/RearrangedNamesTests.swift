import Formats
import TestSupport
import Testing

@testable import Inspect

/// Names of loaded models whose files hold the values in another form.
@Suite struct RearrangedNamesTests {
  struct Case: CustomTestStringConvertible {
    let model: String
    let file: String
    let name: String
    let isRearranged: Bool
    var testDescription: String { "\(model) \(name)" }
  }

  static let cases = [
    Case(
      model: "kimi_k25", file: "vision_tower.encoder.blocks.0.wqkv.weight",
      name: "model.vision_tower.layers.0.attn.q_proj.weight", isRearranged: true),
    Case(
      model: "gradium_phonon_tts",
      file: "flow_lm.transformer.layers.1.self_attn.in_proj.weight",
      name: "model.layers.1.self_attn.k_proj.weight", isRearranged: true),
    // No layer that the base has.
    Case(
      model: "gradium_phonon_tts",
      file: "flow_lm.transformer.layers.1.self_attn.in_proj.weight",
      name: "model.layers.2.self_attn.k_proj.weight", isRearranged: false),
    // Experts in a list, whatever the model.
    Case(
      model: "unknown", file: "model.layers.0.mlp.experts.0.up_proj.weight",
      name: "model.layers.0.mlp.experts.gate_up_proj", isRearranged: true),
    Case(
      model: "unknown", file: "model.layers.0.mlp.up_proj.weight",
      name: "model.layers.0.gate.weight", isRearranged: false),
    Case(
      model: "kimi_k25", file: "vision_tower.encoder.blocks.0.wqkv.weight",
      name: "score.weight", isRearranged: false),
  ]

  @Test(arguments: cases)
  func `what transformers makes when it loads is none that the base lacks`(row: Case) throws {
    let directory = TemporaryDirectory()
    let path = try directory.write(#"{"model_type": "\#(row.model)"}"#, to: "config.json")
    var base = Checkpoint(path: "base", format: .safetensors, records: [tensor(row.file, [4, 4])])
    base.sideFiles = [SideFile(name: "config.json", path: path)]
    #expect(RearrangedNames(base).contains(row.name) == row.isRearranged)
  }
}
