import Formats
import TestSupport
import Testing

@testable import Inspect

/// Models that see, whose names transformers 4.52 changed.
@Suite struct CheckLayoutTests {
  private let directory = TemporaryDirectory()

  private func checkpoint(_ path: String, _ names: [String], _ configuration: String? = nil)
    throws -> Checkpoint
  {
    var checkpoint = Checkpoint(
      path: path, format: .safetensors, records: names.map { tensor($0, [4, 4]) })
    if let configuration {
      checkpoint.sideFiles = [try directory.sideFile("\(path)/config.json", configuration)]
    }
    return checkpoint
  }

  private static let old = ["model.layers.0.q.weight", "visual.blocks.0.qkv.weight"]
  private static let new = [
    "model.language_model.layers.0.q.weight", "model.visual.blocks.0.qkv.weight",
  ]
  struct HiddenCase: CustomTestStringConvertible {
    let name: String
    let base: [String]
    let configuration: String
    let adapter: [String]
    /// Those of its modules that PEFT does not find, and the name of the first.
    var hidden: (modules: [String], first: String)?
    var testDescription: String { name }
  }

  private static let towers = [
    "language_model.model.layers.0.q.weight", "vision_tower.encoder.layers.0.q.weight",
  ]
  private static let text = ["model.layers.0.q"]
  private static let newFirst = "model.language_model.layers.0.q"

  static let hiddenCases = [
    HiddenCase(
      name: "an old base", base: old, configuration: "{}", adapter: text, hidden: (text, newFirst)),
    HiddenCase(
      name: "a new base", base: new, configuration: "{}", adapter: text, hidden: (text, newFirst)),
    HiddenCase(
      name: "a text model", base: ["model.layers.0.q.weight"], configuration: "{}", adapter: text),
    HiddenCase(
      name: "a model with code of its own", base: old,
      configuration: #"{"auto_map": {"AutoModel": "modeling.Model"}}"#, adapter: text),
    HiddenCase(
      name: "all parts of Qwen2-VL", base: old, configuration: #"{"model_type": "qwen2_5_vl"}"#,
      adapter: ["model.layers.0.q", "visual.blocks.0.qkv"],
      hidden: (["model.layers.0.q", "visual.blocks.0.qkv"], newFirst)),
    HiddenCase(
      name: "another layout", base: old, configuration: #"{"model_type": "qwen2_vl"}"#,
      adapter: ["language_model.model.layers.0.q"],
      hidden: (["language_model.model.layers.0.q"], newFirst)),
    HiddenCase(
      name: "what PEFT translates", base: towers, configuration: #"{"model_type": "gemma3"}"#,
      adapter: ["language_model.model.layers.0.q", "vision_tower.encoder.layers.0.q"],
      hidden: (["vision_tower.encoder.layers.0.q"], "model.vision_tower.encoder.layers.0.q")),
    HiddenCase(
      name: "the names of the loaded model", base: towers,
      configuration: #"{"model_type": "gemma3"}"#,
      adapter: ["model.language_model.layers.0.q", "model.vision_tower.encoder.layers.0.q"]),
    HiddenCase(
      name: "a model that kept its names",
      base: ["language_model.model.layers.0.q.weight", "vision_model.encoder.layers.0.q.weight"],
      configuration: #"{"model_type": "instructblip"}"#,
      adapter: ["language_model.model.layers.0.q", "vision_model.encoder.layers.0.q"]),
  ]

  @Test(arguments: hiddenCases)
  func `modules are hidden from PEFT in a model that sees`(row: HiddenCase) throws {
    let names = row.adapter.flatMap { module in
      ["A", "B"].map { "base_model.model.\(module).lora_\($0).weight" }
    }
    var adapter = try checkpoint(
      "adapter", names, #"{"peft_type": "LORA", "r": 4, "lora_alpha": 4}"#)
    adapter.sideFiles = adapter.sideFiles.map {
      SideFile(name: "adapter_config.json", path: $0.path)
    }
    let report = try CheckpointCheck(adapter).report(
      against: .base(checkpoint("base", row.base, row.configuration)), readsValues: false)
    let told = report.findings.filter { $0.code == .prefixDrift && $0.severity == .warning }
    guard let (modules, first) = row.hidden else {
      #expect(told.isEmpty)
      return
    }
    #expect(
      told.map(\.message) == [
        (modules.count == 1
          ? "module \(modules[0].quoted)" : "2 modules (\(modules.joined(separator: ", ")))")
          + ": as in a text model, or before transformers 4.52; in the model that it builds since "
          + "for a base that sees or hears, \(modules.count == 1 ? "it" : "the first") is "
          + "\(first.quoted), so that PEFT calls all \(modules.count * 2) keys missing and changes "
          + "nothing there; a merge finds them"
      ])
    #expect(
      told.map(\.fix) == ["tenon remap adapter -o adapter-renamed --preset transformers-4.52"])
  }

  @Test func `the layouts of one model are no error`() throws {
    func names(_ text: String, _ vision: String) -> [String] {
      (0..<3).flatMap { number in
        ["q", "k", "v"].map { "\(text)layers.\(number).self_attn.\($0)_proj.weight" }
          + ["qkv", "proj"].map { "\(vision)blocks.\(number).attn.\($0).weight" }
      }
    }
    let (old, new) = (
      names("model.", "visual."), names("model.language_model.", "model.visual.")
    )
    let report = try CheckpointCheck(checkpoint("x", new)).report(
      against: .base(checkpoint("base", old, "{}")), readsValues: false)
    let told = try #require(report.findings.first { $0.code == .prefixDrift })
    #expect(told.severity == .warning)
    #expect(
      told.message.hasSuffix(
        "; these are the names of one model before and after transformers 4.52, whose "
          + "from_pretrained renames them by itself: only torch's load_state_dict does not"))
    #expect(report.load.missing == old && report.load.unexpected == new)
  }

  /// `from_pretrained` of CLIP renames nothing.
  @Test(arguments: [#"{"model_type": "clip"}"#, "{}"])
  func `a word before the parts of another model is an error`(configuration: String) throws {
    let names = (0..<3).flatMap { number in
      ["text_model", "vision_model"].map { "\($0).encoder.layers.\(number).fc1.weight" }
    }
    let report = try CheckpointCheck(
      checkpoint("x", names.map { $0.replacing("vision_model", with: "model.vision_model") })
    ).report(against: .base(checkpoint("base", names, configuration)), readsValues: false)
    let told = try #require(report.findings.first { $0.code == .prefixDrift })
    #expect(told.severity == .error)
    #expect(!told.message.contains("4.52"))
  }

  @Test func `a command gives the names under which PEFT looks`() throws {
    let names = ["A", "B"].map { "base_model.model.layers.0.q.lora_\($0).weight" }
    let report = try CheckpointCheck(checkpoint("adapter", names)).report(
      against: .base(checkpoint("base", Self.old, #"{"model_type": "qwen2_5_vl"}"#)),
      readsValues: false)
    #expect(
      report.findings.first { $0.code == .unmatchedKey }?.fix
        == "tenon remap adapter -o adapter-renamed --rename "
        + #"'\.layers\.=.model.language_model.layers.'"#)
  }

  @Test func `the names of an old file are not those of a new model`() throws {
    let report = try CheckpointCheck(checkpoint("x", Self.old)).report(
      against: .base(checkpoint("base", Self.old, "{}")), readsValues: false)
    #expect(
      report.findings.filter { $0.code == .prefixDrift }.map(\.message) == [
        "the names are those of the files of the base, as \"model.layers.0.q.weight\": a model that "
          + "transformers 4.52 or later builds has others, which from_pretrained makes of them and "
          + "torch's load_state_dict does not"
      ])
  }
}
