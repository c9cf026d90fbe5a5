import Compute
import Formats
import Testing

@testable import Inspect

@Suite struct VisionLanguageLayoutTests {
  struct Case: CustomTestStringConvertible {
    let name: String
    /// Modules of the adapter, then of the base.
    let adapter: [String]
    let base: [String]
    /// What the modules are called in the end.
    let result: [String]
    var testDescription: String { name }
  }

  private static let old = ["model.layers.0.q", "visual.blocks.0.qkv"]
  private static let new = ["model.language_model.layers.0.q", "model.visual.blocks.0.qkv"]
  private static let towers = ["language_model.model.layers.0.q", "vision_tower.encoder.0.fc"]

  static let cases = [
    Case(name: "old onto new", adapter: old, base: new, result: new),
    Case(name: "new onto old", adapter: new, base: old, result: old),
    Case(name: "the same", adapter: old, base: old, result: old),
    Case(
      name: "LLaVA's old onto its new", adapter: towers + ["language_model.lm_head"],
      base: ["model.language_model.layers.0.q", "model.vision_tower.encoder.0.fc", "lm_head"],
      result: ["lm_head", "model.language_model.layers.0.q", "model.vision_tower.encoder.0.fc"]),
    Case(
      name: "CLIP with a level more", adapter: ["model.vision_tower.encoder.0.fc"],
      base: ["vision_tower.vision_model.encoder.0.fc"],
      result: ["vision_tower.vision_model.encoder.0.fc"]),
    // A language model alone has one layout: another beginning is another model.
    Case(
      name: "no part that sees", adapter: ["model.layers.0.q"],
      base: ["model.language_model.layers.0.q"], result: ["model.layers.0.q"]),
    Case(
      name: "a layer that the base has not", adapter: old + ["model.layers.7.q"], base: new,
      result: ["model.language_model.layers.0.q", "model.layers.7.q", "model.visual.blocks.0.qkv"]),
    Case(
      name: "two that would become one", adapter: old + ["model.language_model.layers.0.q"],
      base: new, result: ["model.language_model.layers.0.q"] + old),
    Case(
      name: "a base with both", adapter: ["language_model.model.layers.0.q"],
      base: ["model.layers.0.q", "model.language_model.layers.0.q", "visual.x"],
      result: ["language_model.model.layers.0.q"]),
  ]

  @Test(arguments: cases)
  func `gives the modules of one layout the names of the other`(row: Case) throws {
    let records = row.adapter.flatMap { path in
      ["A", "B"].map { tensor("base_model.model.\(path).lora_\($0).weight") }
    }
    let adapter = try Adapter(
      Checkpoint(path: "mine", format: .safetensors, records: records), alpha: 2)
    let base = Checkpoint(
      path: "base", format: .safetensors, records: row.base.map { tensor("\($0).weight") })
    let (relaid, finding) = adapter.relaid(onto: base, tied: nil)
    #expect(relaid.modules.map(\.target) == row.result)
    #expect((finding == nil) == (relaid.modules.map(\.target) == adapter.modules.map(\.target)))
  }

  @Test func `renames what takes a place along, and says so`() throws {
    let records = [
      tensor("base_model.model.model.layers.0.q.lora_A.weight"),
      tensor("base_model.model.model.layers.0.q.lora_B.weight"),
      tensor("base_model.model.visual.merger.weight"),
    ]
    let adapter = try Adapter(
      Checkpoint(path: "mine", format: .safetensors, records: records), alpha: 2)
    let base = Checkpoint(
      path: "base", format: .safetensors,
      records: ["model.language_model.layers.0.q.weight", "model.visual.merger.weight"].map {
        tensor($0)
      })
    let (relaid, finding) = adapter.relaid(onto: base, tied: nil)
    #expect(relaid.replacements.map(\.target) == ["model.visual.merger.weight"])
    #expect(finding?.severity == .note)
    #expect(
      finding?.message
        == "the adapter has 2 names (model.layers.0.q, visual.merger.weight) in one layout of "
        + "transformers and the base in the other (version 4.52 changed it): they are taken for "
        + "model.language_model.layers.0.q, model.visual.merger.weight")
  }
}
