import Formats
import Foundation
import Testing

@testable import Inspect

/// Models that see, whose names transformers 4.52 changed.
@Suite struct CheckLayoutTests {
  private func checkpoint(_ path: String, _ names: [String], _ configuration: String? = nil)
    throws -> Checkpoint
  {
    var checkpoint = Checkpoint(
      path: path, format: .safetensors, records: names.map { tensor($0, [4, 4]) })
    guard let configuration else { return checkpoint }
    let file = FileManager.default.temporaryDirectory
      .appending(path: "tenon-layout-\(UInt64.random(in: 0 ..< .max)).json")
    try Data(configuration.utf8).write(to: file)
    checkpoint.sideFiles = [SideFile(name: "config.json", path: file.path(percentEncoded: false))]
    return checkpoint
  }

  private static let old = ["model.layers.0.q.weight", "visual.blocks.0.qkv.weight"]
  private static let new = [
    "model.language_model.layers.0.q.weight", "model.visual.blocks.0.qkv.weight",
  ]
  private static let factors = ["A", "B"].map {
    "base_model.model.model.layers.0.q.lora_\($0).weight"
  }

  @Test(arguments: [
    (old, "{}", true), (new, "{}", true), (["model.layers.0.q.weight"], "{}", false),
    (old, #"{"auto_map": {"AutoModel": "modeling.Model"}}"#, false),
  ])
  func `the layers of a text model are hidden from PEFT in one that sees`(
    base: [String], configuration: String, isHidden: Bool
  ) throws {
    let report = try CheckpointCheck(checkpoint("adapter", Self.factors)).report(
      against: .base(checkpoint("base", base, configuration)), readsValues: false)
    let told = report.findings.filter { $0.code == .prefixDrift && $0.severity == .warning }
    #expect(
      told.map(\.message)
        == (isHidden
          ? [
            "module \"model.layers.0.q\": in a model that sees, as transformers 4.52 and later "
              + "build it, it is below \"model.language_model.layers\", so that PEFT finds none of the "
              + "2 keys and changes nothing; a merge finds them all"
          ] : []))
    #expect(
      told.map(\.fix)
        == (isHidden
          ? [
            "tenon remap adapter -o adapter-renamed --rename "
              + #"'^base_model\.model\.model\.layers\.="#
              + "base_model.model.model.language_model.layers.'"
          ] : []))
  }

  struct Hidden: CustomTestStringConvertible {
    let target: String
    let base: [String]
    /// How the rule that mends it begins; nil where PEFT finds it as it is.
    let rule: String?
    var testDescription: String { "\(target) \(base[0])" }
  }

  private static let towers = [
    "language_model.model.layers.0.q.weight", "vision_tower.vision_model.layers.0.fc.weight",
  ]
  /// What PEFT 0.21 does with transformers 5.
  static let hidden = [
    Hidden(target: "model.language_model.layers.0.q", base: old, rule: nil),
    Hidden(
      target: "language_model.model.layers.0.q", base: old,
      rule: "language_model\\.model\\.layers\\.=base_model.model.model.language_model.layers."),
    Hidden(target: "language_model.model.layers.0.q", base: towers, rule: nil),
    Hidden(
      target: "visual.blocks.0.qkv", base: old, rule: "visual\\.=base_model.model.model.visual."),
    Hidden(target: "model.visual.blocks.0.qkv", base: old, rule: nil),
    Hidden(
      target: "vision_tower.layers.0.fc", base: towers,
      rule: "vision_tower\\.=base_model.model.model.vision_tower."),
    Hidden(target: "vision_tower.vision_model.layers.0.fc", base: towers, rule: nil),
    Hidden(target: "model.vision_tower.vision_model.layers.0.fc", base: towers, rule: nil),
    Hidden(
      target: "language_model.lm_head", base: towers + ["language_model.lm_head.weight"],
      rule: "language_model\\.lm_head\\.=base_model.model.lm_head."),
    Hidden(
      target: "multi_modal_projector.linear_1",
      base: towers + ["multi_modal_projector.linear_1.weight"],
      rule: "multi_modal_projector\\.=base_model.model.model.multi_modal_projector."),
  ]

  @Test(arguments: hidden)
  func `a warning for what PEFT does not find, and none for what it converts`(row: Hidden) throws {
    let factors = ["A", "B"].map { "base_model.model.\(row.target).lora_\($0).weight" }
    let report = try CheckpointCheck(checkpoint("adapter", factors)).report(
      against: .base(checkpoint("base", row.base, "{}")), readsValues: false)
    let told = report.findings.filter { $0.code == .prefixDrift && $0.severity == .warning }
    #expect(
      told.map(\.fix)
        == (row.rule.map {
          [#"tenon remap adapter -o adapter-renamed --rename '^base_model\.model\."# + $0 + "'"]
        } ?? []))
    #expect(!report.findings.contains { $0.severity == .error })
  }

  @Test func `what PEFT finds and what it does not are counted apart`() throws {
    let factors = ["model.language_model.layers.0.q", "visual.blocks.0.qkv"].flatMap { target in
      ["A", "B"].map { "base_model.model.\(target).lora_\($0).weight" }
    }
    let report = try CheckpointCheck(checkpoint("adapter", factors)).report(
      against: .base(checkpoint("base", Self.old, "{}")), readsValues: false)
    #expect(
      report.findings.filter { $0.severity == .warning && $0.code == .prefixDrift }.map(\.message)
        == [
          "module \"visual.blocks.0.qkv\": in a model that sees, as transformers 4.52 and later build "
            + "it, it is below \"model.visual\", so that PEFT finds 2 of the 4 keys and changes nothing with "
            + "the others; a merge finds them all"
        ])
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
