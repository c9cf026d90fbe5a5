import Formats
import Foundation
import Testing

@testable import Inspect

/// What is said where a renaming is not what is wanted.
@Suite struct RenamingAdviceTests {
  private static func list(_ path: String, _ modules: [(String, [Int])]) -> KeyList {
    KeyList(
      path: path,
      (0..<2).flatMap { layer in
        modules.map { KeyList.Entry("model.layers.\(layer).\($0.0).weight", $0.1) }
      })
  }

  private static let split = list(
    "split",
    [
      ("self_attn.q_proj", [8, 8]), ("self_attn.k_proj", [4, 8]), ("self_attn.v_proj", [4, 8]),
      ("mlp.gate_proj", [12, 8]), ("mlp.up_proj", [12, 8]), ("mlp.down_proj", [8, 12]),
    ])
  private static let fused = list(
    "fused",
    [
      ("self_attn.qkv_proj", [16, 8]), ("mlp.gate_up_proj", [24, 8]), ("mlp.down_proj", [8, 12]),
    ])

  private func error(_ names: KeyList, _ presets: [String], _ base: KeyList) -> CheckpointError? {
    var draft = RenamingDraft(names)
    do throws(CheckpointError) {
      draft.statedHeads = try AttentionHeads(queries: 4, keys: 2)
      for preset in presets { try draft.apply(try RenamePreset(named: preset), base: base) }
      try draft.match(base)
      try draft.requireEffect()
      return nil
    } catch {
      return error
    }
  }

  @Test func `a base that has both forms is advised on too`() {
    let vision = ["q", "k", "v"].map {
      KeyList.Entry("vision.layers.0.self_attn.\($0)_proj.weight", [6, 6])
    }
    let base = KeyList(path: "base", Self.fused.entries + vision)
    #expect(
      error(Self.split, [], base)?.fix == "add --preset fuse-qkv --preset fuse-gate-up")
  }

  struct Case: CustomTestStringConvertible {
    let names: KeyList
    let base: KeyList
    var presets: [String] = []
    let message: String?
    var fix: String?
    var testDescription: String { "\(names.path) to \(base.path) with \(presets)" }
  }

  static let cases = [
    Case(
      names: split, base: fused,
      message:
        "only 2 of 12 names have a place in fused, too few to call the rest of it a renaming",
      fix: "add --preset fuse-qkv --preset fuse-gate-up"),
    Case(names: split, base: fused, presets: ["fuse-qkv", "fuse-gate-up"], message: nil),
    Case(names: fused, base: split, presets: ["split-qkv", "split-gate-up"], message: nil),
    Case(
      names: fused, base: fused, presets: ["split-qkv"],
      message:
        #"the preset "split-qkv" makes q_proj, k_proj and v_proj of qkv_proj, but fused has "#
        + "qkv_proj itself", fix: "leave out --preset split-qkv"),
    Case(
      names: split, base: split, presets: ["fuse-gate-up"],
      message: #"the preset "fuse-gate-up" makes gate_up_proj of gate_proj and up_proj, but split "#
        + "has gate_proj and up_proj itself", fix: "leave out --preset fuse-gate-up"),
    Case(
      names: split, base: fused, presets: ["split-qkv"],
      message: #"the preset "split-qkv" is for qkv_proj, qkv; the names have q_proj, k_proj and "#
        + "v_proj already", fix: "give --preset fuse-qkv instead: the base has them so"),
    Case(
      names: split, base: split, presets: ["split-gate-up"],
      message: #"the preset "split-gate-up" is for gate_up_proj; the names have gate_proj and "#
        + "up_proj already", fix: "leave out --preset split-gate-up"),
    Case(
      names: split, base: split,
      message: "there is nothing to rename: its 12 names are those of split already",
      fix: "use it as it is; tenon convert makes a copy"),
  ]

  @Test(arguments: cases)
  func `says which preset is wanted, and which is not`(row: Case) {
    let error = error(row.names, row.presets, row.base)
    #expect(error?.message == row.message)
    #expect(error?.fix == row.fix)
  }

  @Test func `says it where some names have their place`() throws {
    var draft = RenamingDraft(Self.fused)
    draft.statedHeads = try AttentionHeads(queries: 4, keys: 2)
    let more = KeyList(
      path: "more", Self.split.entries + (0..<9).map { KeyList.Entry("model.other.\($0)", [3]) })
    var names = RenamingDraft(
      KeyList(
        path: "fused", Self.fused.entries + (0..<9).map { KeyList.Entry("model.other.\($0)", [3]) }
      ))
    names.statedHeads = draft.statedHeads
    try names.match(more)
    #expect(names.match?.placed == 11)
    #expect(
      names.findings.map(\.message).allSatisfy {
        $0.hasSuffix("; add --preset split-qkv --preset split-gate-up")
      })
    #expect(names.findings.map(\.fix) == [nil])
    let error = #expect(throws: CheckpointError.self) { try names.requireEffect() }
    #expect(
      error?.message
        == "there is nothing to rename: 11 of 15 names have their place in more already, and the "
        + "others have none")
  }

  @Test func `a rule that changes nothing is no renaming`() throws {
    var draft = RenamingDraft(Self.split)
    try draft.apply(
      KeyMap([try RenameRule(pattern: "^model", replacement: "model")]), as: .rule)
    #expect(!draft.hasEffect)
    let error = #expect(throws: CheckpointError.self) { try draft.requireEffect() }
    #expect(error?.message == "there is nothing to rename: its 12 names stay as they are")
  }

  @Test func `a command never writes into its own input`() throws {
    let here = FileManager.default.currentDirectoryPath
    for path in [".", "./"] {
      let command = FixCommands.remap(path, "--preset strip-wrappers")
      #expect(!command.contains(" .-"), "\(command)")
      #expect(FixCommands.renamed(path) == "\(Checkpoint.realPath(of: here))-renamed")
    }
    #expect(FixCommands.renamed("a/b.safetensors") == "a/b-renamed.safetensors")
  }

  /// Names that could be several, and one that is left: the two are told apart.
  @Test func `tells what could be several from what is left`() {
    func names(_ modules: [String]) -> RenamingDraft {
      RenamingDraft(Self.list("a", modules.map { ($0, [4, 4]) }))
    }
    var both = names(["attn.q_proj", "zip.zap"])
    let error = #expect(throws: CheckpointError.self) {
      try both.match(
        Self.list("b", ["self_attn.q_proj", "cross_attn.q_proj", "tip.top"].map { ($0, [4, 4]) }))
    }
    #expect(error?.message.contains("could be more than one") == true)
  }

  /// Adapters that lie among the names of others: every one finds its way, or none is told.
  static let united: [(names: [String], command: String)] = [
    (
      [
        "policy.base_model.model.a.lora_A.über.weight",
        "policy.base_model.model.a.lora_B.über.weight",
      ],
      #"--preset strip-wrappers --rename '\.über(\.weight|\.bias|)$=\1'"#
    ),
    (
      ["_orig_mod.a.lora_A.weight", "_orig_mod.a.lora_B.weight"],
      "--preset strip-wrappers --rename '^=base_model.model.'"
    ),
    (
      ["a.lora_A.my [x].weight", "a.lora_B.my [x].weight"],
      #"--rename '^=base_model.model.' --rename '\.my \[x\](\.weight|\.bias|)$=\1'"#
    ),
  ]

  @Test(arguments: united)
  func `one command mends all that is wrong with the names`(names: [String], command: String)
    throws
  {
    let records = zip(names, [[2, 8], [8, 2]]).map { name, shape in tensor(name, shape) }
    let checkpoint = Checkpoint(path: "a", format: .safetensors, records: records)
    let report = try CheckpointCheck(checkpoint).report(against: .nothing, readsValues: false)
    let fixes = report.findings.compactMap(\.fix).filter { $0.contains("remap") }
    #expect(fixes == ["tenon remap a -o a-renamed " + command])
  }
}
