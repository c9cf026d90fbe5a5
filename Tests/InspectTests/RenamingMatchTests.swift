import Formats
import Testing

@testable import Inspect

@Suite struct RenamingMatchTests {
  private func list(_ path: String, _ entries: [(String, [Int]?)]) -> KeyList {
    KeyList(path: path, entries.map { KeyList.Entry($0.0, $0.1) })
  }

  private func match(_ names: [(String, [Int]?)], _ base: [(String, [Int]?)]) throws
    -> RenamingDraft
  {
    var draft = RenamingDraft(list("a", names))
    try draft.match(list("b", base))
    return draft
  }

  private func rules(_ draft: RenamingDraft) -> [String] { draft.map.rules.map(\.description) }

  private func layers(_ text: String, _ words: [String], _ shape: [Int] = [4, 4]) -> [(
    String, [Int]?
  )] {
    (0..<3).flatMap { layer in
      words.map { (text.replacing("#", with: "\(layer)") + ".\($0).weight", shape) }
    }
  }

  @Test func `finds a beginning and a word and says it in as many rules`() throws {
    let words = ["self_attn.q_proj", "self_attn.k_proj", "mlp.up"]
    let draft = try match(
      layers("model.layers.#", words),
      layers("text.model.layers.#", words.map { $0.replacing("self_attn", with: "attention") }))
    #expect(Set(rules(draft)) == ["^=text.", #"\.self_attn\.=.attention."#])
    #expect(draft.match == MatchSummary(base: "b", placed: 9, count: 9, unplaced: []))
  }

  @Test func `refuses two equally good places and names them`() throws {
    let error = #expect(throws: CheckpointError.self) {
      try match(
        layers("layers.#", ["attn.q"]),
        layers("text.layers.#", ["attn.q"]) + layers("image.layers.#", ["attn.q"]))
    }
    #expect(
      error?.description
        == "a: 3 names could be more than one of b, and nothing tells which")
    #expect(
      error?.details == [
        "layers.0.attn.q.weight → text.layers.0.attn.q.weight or image.layers.0.attn.q.weight"
      ])
  }

  @Test func `lets shapes decide between places`() throws {
    let draft = try match(
      layers("layers.#", ["attn.q"], [4, 4]),
      layers("text.layers.#", ["attn.q"], [4, 4]) + layers("image.layers.#", ["attn.q"], [2, 2]))
    #expect(draft.names[0] == "text.layers.0.attn.q.weight")
  }

  @Test func `never gives one layer the place of another`() throws {
    let error = #expect(throws: CheckpointError.self) {
      try match([("layers.0.a.weight", [2])], [("layers.1.a.weight", [2])])
    }
    #expect(
      error?.description
        == "a: 1 name is of other layers than those of b, and nothing tells which is which")
  }

  static let opposites = [
    ("k_norm", "q_norm"), ("up_proj", "gate_proj"), ("norm1", "norm2"), ("wqkv", "qkv_proj"),
    ("wq", "q_proj_k"), ("pre_norm", "post_norm"),
  ]

  @Test(arguments: opposites)
  func `never takes one thing for its opposite`(old: String, new: String) throws {
    #expect(throws: CheckpointError.self) {
      try match(layers("model.layers.#.attn", [old]), layers("model.layers.#.attn", [new]))
    }
  }

  @Test func `does not take what is left when the best place is ruled out`() throws {
    // "out" and "input" are opposites, but nothing else is as near.
    #expect(throws: CheckpointError.self) {
      try match(
        layers("model.layers.#", ["input_norm"], [4]),
        layers("model.layers.#", ["left_out", "attn.q"], [4]))
    }
  }

  @Test func `keeps a resized embedding under its name and says so`() throws {
    let draft = try match(
      [("model.embed.weight", [10, 4]), ("model.norm.weight", [4])],
      [("model.embed.weight", [9, 4]), ("model.norm.weight", [4])])
    #expect(draft.names == ["model.embed.weight", "model.norm.weight"])
    #expect(draft.match?.unplaced == ["model.embed.weight"])
    #expect(
      draft.findings.map(\.message)
        == [#"name "model.embed.weight" has no fitting place in b"#])
  }

  @Test func `gives an adapter the paths of its base and PEFT's form`() throws {
    let adapter = (0..<2).flatMap { layer -> [(String, [Int]?)] in
      let lead = "_orig_mod.base_model.model.model.layers.\(layer).self_attn.q_proj"
      return [
        ("\(lead).lora_A.default.weight", [2, 4]), ("\(lead).lora_B.default.weight", [6, 2]),
      ]
    }
    let base =
      (0..<4).map { ("model.language_model.layers.\($0).self_attn.q_proj.weight", [6, 4]) }
      + (0..<4).map { ("model.language_model.layers.\($0).self_attn.o_proj.weight", [4, 6]) }
    let draft = try match(adapter, base)
    #expect(
      draft.names[0]
        == "base_model.model.model.language_model.layers.0.self_attn.q_proj.lora_A.weight")
    #expect(draft.match?.placed == 2)
  }

  @Test func `tries known renamings where words are not enough`() throws {
    var draft = RenamingDraft(try KeyFixture.list("llava-1.5-original"))
    try draft.match(try KeyFixture.list("llava-1.5-new"))
    #expect(draft.steps.map(\.source) == [.preset("llava-to-hf"), .preset("transformers-4.52")])
    #expect(Set(draft.names) == Set(try KeyFixture.list("llava-1.5-new").names))
  }

  @Test func `takes what a failed load printed for the base`() throws {
    let log = """
      Error(s) in loading state_dict for Model:
      \tMissing key(s) in state_dict: "model.layers.0.attn.q.weight", "model.layers.1.attn.q.weight".
      \tUnexpected key(s) in state_dict: "layers.0.attn.q.weight", "layers.1.attn.q.weight".
      """
    let base = try #require(KeyList(text: log, path: "log"))
    #expect(base.unwanted?.count == 2)
    var draft = RenamingDraft(
      list(
        "a",
        [("norm.weight", nil), ("layers.0.attn.q.weight", nil), ("layers.1.attn.q.weight", nil)]))
    try draft.match(base)
    #expect(
      draft.names == [
        "norm.weight", "model.layers.0.attn.q.weight", "model.layers.1.attn.q.weight",
      ])
  }

  static let lines =
    [
      ("a.b.weight", ["a.b.weight"], [nil]),
      ("a.b.weight  BF16  [4, 2]", ["a.b.weight"], [[4, 2]]),
      ("l.{0..1,3}.w  F32 [4] ×3", ["l.0.w", "l.1.w", "l.3.w"], [[4], [4], [4]]),
      ("scale F32 []", ["scale"], [[]]),
    ] as [(String, [String], [[Int]?])]

  @Test(arguments: lines)
  func `reads names as they are printed`(line: String, names: [String], shapes: [[Int]?]) throws {
    let list = try #require(KeyList(text: "path  x\n\(line)\n", path: "t"))
    #expect(list.names == names)
    #expect(list.entries.map(\.shape) == shapes)
  }
}
