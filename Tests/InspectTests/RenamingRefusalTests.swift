import Formats
import Testing

@testable import Inspect

/// Renamings that nothing proves, though nothing else is left.
@Suite struct RenamingRefusalTests {
  struct Lone: CustomTestStringConvertible {
    let old: String
    let new: String
    var testDescription: String { "\(old) → \(new)" }
  }

  static let lone = [
    ("wte.weight", "wpe.weight"), ("model.embed_tokens.weight", "lm_head.weight"),
    ("plora_glb_GN", "plora_sub_GN"), ("cls_token", "mask_token"),
    ("class_embedding", "pre_layrnorm.bias"), ("teacher.w", "student.w"),
    ("mu.weight", "logvar.weight"), ("vision.patch.kernel", "lm_head.weight"),
    ("lm_head.weight", "score.weight"), ("mean", "std"), ("ema.w", "model.w"),
    ("layers.#.img_mod.weight", "layers.#.txt_mod.weight"),
    ("layers.#.ff.weight", "layers.#.ff_context.weight"),
    ("layers.#.encoder_attn.weight", "layers.#.self_attn.weight"),
    ("layers.#.q_proj.weight", "layers.#.dense.weight"),
    ("layers.#.attn.weight", "layers.#.mlp.weight"),
    ("layers.#.x.weight", "layers.#.y.weight"),
    ("layers.#.o_proj.bias", "layers.#.layernorm_before.bias"),
    ("layers.#.attn.proj.weight", "layers.#.attn.q.proj.weight"),
    ("layers.#.attention.output.dense.bias", "layers.#.output.LayerNorm.bias"),
  ].map { Lone(old: $0.0, new: $0.1) }

  private func entries(_ name: String) -> [KeyList.Entry] {
    guard name.contains("#") else { return [KeyList.Entry(name, [8, 8])] }
    return (0..<3).map { KeyList.Entry(name.replacing("#", with: "\($0)"), [8, 8]) }
  }

  private func names(_ old: [KeyList.Entry], to new: [KeyList.Entry]) throws -> [String] {
    var draft = RenamingDraft(KeyList(path: "a", old))
    try draft.match(KeyList(path: "b", new))
    return draft.names
  }

  private let common = (0..<4).map { KeyList.Entry("common.\($0).weight", [7, 7]) }

  @Test(arguments: lone)
  func `takes no name for another because nothing else is left`(row: Lone) throws {
    let old = entries(row.old)
    // Refused, or left alone and told.
    let found = try? names(old + common, to: entries(row.new) + common)
    #expect(found == nil || found == (old + common).map(\.name))
  }

  private func layers(_ range: Range<Int>) -> [KeyList.Entry] {
    range.flatMap { layer in
      ["q_proj", "o_proj", "norm1"].map {
        KeyList.Entry("model.layers.\(layer).\($0).weight", [4, 4])
      }
    } + [KeyList.Entry("model.norm.weight", [4])]
  }

  @Test func `refuses layers that are counted from another number`() throws {
    let error = #expect(throws: CheckpointError.self) {
      try names(layers(0..<4), to: layers(1..<5))
    }
    #expect(
      error?.description
        == "a: 12 names are of other layers than those of b, and nothing tells which is which")
    #expect(
      error?.details.first
        == "model.layers.{0..3}.q_proj.weight ×4 → model.layers.{1..4}.q_proj.weight ×4")
  }

  @Test func `refuses words that are counted from another number`() throws {
    let old = ["linear_0", "linear_1"].map { KeyList.Entry("net.\($0).weight", [8, 8]) }
    let new = ["linear_1", "linear_2"].map { KeyList.Entry("net.\($0).weight", [8, 8]) }
    let error = #expect(throws: CheckpointError.self) { try names(old, to: new) }
    #expect(error?.details.first == "net.linear_0.weight → net.linear_2.weight")
  }

  @Test func `refuses where few of the names have a place`() throws {
    let old = (0..<5).map { KeyList.Entry("part\($0).only.weight", [$0 + 2]) }
    let error = #expect(throws: CheckpointError.self) {
      try names(old + layers(0..<1), to: layers(0..<1) + (0..<9).map { .init("x\($0).y", [99]) })
    }
    #expect(
      error?.description
        == "a: only 4 of 9 names have a place in b, too few to call the rest of it a renaming")
  }

  @Test func `takes an attention that is not told apart for neither`() throws {
    #expect(throws: CheckpointError.self) {
      try names(
        entries("d.#.attn.w") + common,
        to: entries("d.#.self_attn.w") + entries("d.#.cross_attn.w") + common)
    }
  }

  @Test func `does not believe a report of another checkpoint`() throws {
    let log = """
      Error(s) in loading state_dict for Model:
      \tMissing key(s) in state_dict: "model.norm.weight", "lm_head.weight".
      \tUnexpected key(s) in state_dict: "module.model.norm.weight".
      """
    let base = try #require(KeyList(text: log, path: "log"))
    var draft = RenamingDraft(KeyList(path: "a", common))
    #expect(throws: CheckpointError.self) { try draft.match(base) }
  }

  @Test func `proves a word by several modules that share it`() throws {
    let words = ["q_proj", "k_proj", "v_proj"]
    let found = try names(
      words.flatMap { entries("l.#.unit.\($0).weight") } + common,
      to: words.flatMap { entries("l.#.self_attn.\($0).weight") } + common)
    #expect(found[0] == "l.0.self_attn.q_proj.weight")
  }

  static let drifts = [
    ("language_model.proj.weight", "vision_tower.proj.weight"), ("ema.a.w", "model.a.w"),
    ("lm_head.weight", "score.weight"),
  ]

  @Test(arguments: drifts)
  func `suggests no change for a lone module`(old: String, new: String) {
    #expect(NameDrift(from: [old], to: [new]) { _, _ in true } == nil)
  }
}
