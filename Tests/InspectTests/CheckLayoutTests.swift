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
            "module \"model.layers.0.q\": as in a text model, or before transformers 4.52; in the "
              + "model that it builds since for a base that sees or hears, it is "
              + "\"model.language_model.layers.0.q\", so that PEFT calls all 2 keys missing and changes "
              + "nothing there; a merge finds them"
          ] : []))
    #expect(
      told.map(\.fix)
        == (isHidden
          ? ["tenon remap adapter -o adapter-renamed --preset transformers-4.52"] : []))
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
