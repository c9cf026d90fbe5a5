import Formats
import TestSupport
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

  /// A layer of a model, by the shape of each of its modules.
  private func model(_ changes: [String: String] = [:], hasShapes: Bool = true) -> [(
    String, [Int]?
  )] {
    let shapes = [
      "q_proj": [8, 8], "k_proj": [4, 8], "v_proj": [4, 8], "o_proj": [8, 8], "up_proj": [16, 8],
      "down_proj": [8, 16], "ln": [8],
    ]
    return (0..<3).flatMap { layer in
      shapes.sorted { $0.key < $1.key }.map { word, shape in
        ("model.layers.\(layer).\(changes[word] ?? word).weight", hasShapes ? shape : nil)
      }
    }
  }

  static let eliminated = [
    ["down_proj": "xyz"], ["o_proj": "xyz"], ["k_proj": "xyz"],
    ["down_proj": "xyz", "up_proj": "abc", "ln": "def"], ["ln": "first.second"],
  ]

  @Test(arguments: eliminated)
  func `takes the one place that is left in a layer`(changes: [String: String]) throws {
    #expect(try match(model(), model(changes)).names == model(changes).map(\.0))
    #expect(try match(model(changes), model()).names == model().map(\.0))
  }

  static let undecided = [
    ["k_proj": "xyz", "v_proj": "abc"], ["q_proj": "xyz", "o_proj": "abc"],
    ["up_proj": "one.two.three"],
  ]

  @Test(arguments: [["down_proj": "gate_proj"], ["q_proj": "k_lin"]])
  func `leaves a name rather than give it a place that means something else`(
    changes: [String: String]
  ) throws {
    let draft = try match(model(), model(changes))
    #expect(draft.names == model().map(\.0))
    #expect(draft.match?.placed == 18)
  }

  @Test(arguments: undecided)
  func `takes no place that is one of two or far from the name`(changes: [String: String]) {
    #expect(throws: CheckpointError.self) { try match(model(), model(changes)) }
  }

  @Test func `takes no place for being left where shapes are unknown`() {
    let error = #expect(throws: CheckpointError.self) {
      try match(model(), model(["down_proj": "xyz"], hasShapes: false))
    }
    #expect(
      error?.description
        == "a: 3 names have a place in b only because no other is left, which is no proof")
    #expect(
      error?.fix
        == #"say it yourself with --rename, as '\.down_proj\.=.xyz.'; --to-match finds the rest"#)
  }

  @Test func `names both where two could be the one that is left`() {
    let words = ["down_proj": "first", "up_proj": "second"]
    let error = #expect(throws: CheckpointError.self) {
      try match(
        model(words, hasShapes: false),
        model(["down_proj": "xyz"], hasShapes: false).filter { !$0.0.contains("up_proj") })
    }
    #expect(
      error?.description
        == "a: 6 names have no sure place in b: some could be the same one of its names")
    #expect(
      error?.details == [
        "model.layers.0.first.weight → model.layers.0.xyz.weight",
        "model.layers.0.second.weight → model.layers.0.xyz.weight",
      ])
    #expect(
      error?.fix
        == #"say it yourself with --rename, as '\.first\.=.xyz.' or '\.second\.=.xyz.'; "#
        + "--to-match finds the rest")
  }

  @Test(arguments: [("vit", false), ("gpt2", true)])
  func `gives factors a place the other way round in models that hold weights so`(
    type: String, isFound: Bool
  ) throws {
    let directory = TemporaryDirectory()
    let names = ["A": [2, 8], "B": [4, 2]].flatMap { factor, shape in
      (0..<3).map { ("base_model.model.h.\($0).c_fc.lora_\(factor).weight", shape) }
    }
    var draft = RenamingDraft(list("a", names.sorted { $0.0 < $1.0 }))
    draft.modelConfigurations = [
      try directory.write(#"{"model_type": "\#(type)"}"#, to: "config.json")
    ]
    let base = list("b", layers("model.h.#", ["c_fc"], [8, 4]))
    try? draft.match(base)
    #expect(draft.match?.placed == (isFound ? 3 : nil))
  }

  @Test func `takes no place for being left where the other list lacks some`() {
    let base = model(["down_proj": "xyz"]).filter { !$0.0.contains(".ln.") }
    #expect(throws: CheckpointError.self) { try match(model(), base) }
  }

  @Test func `takes no place for being left where little else is placed`() {
    #expect(throws: CheckpointError.self) {
      try match([("a.x.w", [8]), ("b", [2])], [("a.y.w", [8]), ("b", [2])])
    }
  }

  @Test func `tells what is left once the undecided is said`() throws {
    var draft = RenamingDraft(list("a", model()))
    let base = list("b", model(["k_proj": "xyz", "v_proj": "abc", "ln": "def"]))
    try draft.apply(
      KeyMap([try RenameRule(argument: #"\.k_proj\.=.xyz."#)]), as: .rule)
    try draft.match(base)
    #expect(draft.names == base.names)
  }

  @Test func `calls nothing an adapter for a leaf that stands alone`() {
    #expect(throws: CheckpointError.self) {
      try match(
        [("n.weight", [7]), ("lora_A", [8, 8])], [("n.weight", [7]), ("lora_B", [8, 8])])
    }
  }

  @Test func `finds one change of more names than can be laid side by side`() throws {
    let words = (0..<600).map { "mod_\($0)_abc.weight" }
    let draft = try match(
      words.map { ("model.\($0)", [8, 8]) }, words.map { ("net.\($0)", [8, 8]) })
    #expect(rules(draft) == [#"^model\.=net."#])
    let error = #expect(throws: CheckpointError.self) {
      try match(
        words.map { ("model.\($0)", [8, 8]) }, words.map { ("net.x_\($0)", [8, 8]) })
    }
    #expect(
      error?.description == "a: too many of its names could be too many of b to compare them all")
  }

  @Test func `renames the unexpected keys of a failed load to the missing ones`() throws {
    let log = """
      Error(s) in loading state_dict for Model:
      \tMissing key(s) in state_dict: "model.layers.0.attn.q.weight", "model.norm.weight".
      \tUnexpected key(s) in state_dict: "layers.0.attn.q.weight", "norm.weight".
      """
    let source = KeySource.list(try #require(KeyList(text: log, path: "log")))
    var draft = try RenamingDraft(source)
    try draft.match(source.keys)
    #expect(rules(draft) == ["^=model."])
    let lacking = KeyList(path: "log", [KeyList.Entry("a.weight")], unwanted: [])
    let error = #expect(throws: CheckpointError.self) { try RenamingDraft(.list(lacking)) }
    #expect(
      error?.description
        == "log: the report names no key that the checkpoint has, only 1 that it lacks")
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

  @Test func `never takes the last norm for that of the embeddings`() throws {
    func parts(_ norm: String) -> [(String, [Int]?)] {
      ["encoder", "decoder"].flatMap { part in
        layers("model.\(part).layers.#", ["q_proj", "fc1"]) + [
          ("model.\(part).\(norm).weight", [4])
        ]
      }
    }
    for (old, new) in [
      ("layer_norm", "layernorm_embedding"), ("embed_norm", "norm"),
      ("final_layer_norm", "word_embeddings_layernorm"),
    ] {
      let draft = try match(parts(old), parts(new))
      #expect(draft.names == parts(old).map(\.0))
      #expect(
        draft.match?.unplaced
          == ["model.decoder.\(old).weight", "model.encoder.\(old).weight"])
    }
  }

  private func adapter(_ paths: [String]) -> [(String, [Int]?)] {
    paths.flatMap { [("\($0).lora_A.weight", [2, 4]), ("\($0).lora_B.weight", [4, 2])] }
  }

  @Test(arguments: [
    ["", "_checkpoint_wrapped_module.", ""],
    ["_fsdp_wrapped_module._checkpoint_wrapped_module.", "_orig_mod.", ""],
  ])
  func `strips wrappers that some names have`(wrappers: [String]) throws {
    let leads = ["_orig_mod.", "", "_fsdp_wrapped_module."]
    let names = adapter(
      (0..<3).flatMap { layer in
        ["q_proj", "k_proj"].map {
          "\(leads[layer])base_model.model.model.layers.\(layer).\(wrappers[layer])self_attn.\($0)"
        }
      })
    for list in ["layers", "decoder.layers"] {
      let draft = try match(
        names, layers("model.\(list).#", ["self_attn.q_proj", "self_attn.k_proj"]))
      #expect(
        draft.names
          == adapter(
            (0..<3).flatMap { layer in
              ["q_proj", "k_proj"].map { "base_model.model.model.\(list).\(layer).self_attn.\($0)" }
            }
          ).map(\.0))
      #expect(draft.match == MatchSummary(base: "b", placed: 6, count: 6, unplaced: []))
    }
  }

  @Test func `takes out what stands inside a path`() throws {
    let scattered = adapter(["base_model.model.layers.1.base_layer.attn.q"])
    // No place fits the first, so that no known renaming does all.
    let names =
      [("base_model.model.layers.0.x.lora_A.weight", [2, 5])]
      + [("base_model.model.layers.0.x.lora_B.weight", [5, 2])]
      + adapter(["base_model.model.layers.0.attn.q", "base_model.model.layers.0.attn.k"])
      + scattered
    let draft = try match(names, layers("layers.#", ["attn.q", "attn.k"]))
    #expect(
      draft.match
        == MatchSummary(
          base: "b", placed: 3, count: 4, unplaced: ["layers.0.x.weight"]))
    #expect(draft.names.last == "base_model.model.layers.1.attn.q.lora_B.weight")
  }

  @Test func `gives a module's own weight the name of its module`() throws {
    let names =
      adapter((0..<2).map { "base_model.model.model.layers.\($0).attn.q" })
      + [
        ("base_model.model.model.embed.base_layer.weight", [9, 4]),
        ("base_model.model.model.embed.lora_embedding_A", [2, 9]),
        ("base_model.model.model.embed.lora_embedding_B", [4, 2]),
      ]
    let draft = try match(
      names, layers("text.layers.#", ["attn.q"]) + [("text.embed.weight", [9, 4])])
    #expect(
      draft.names
        == names.map { $0.0.replacing("base_model.model.model.", with: "base_model.model.text.") })
    #expect(draft.match == MatchSummary(base: "b", placed: 3, count: 3, unplaced: []))
  }

  @Test func `tensors that all modules share are told apart`() throws {
    let shared = [("base_model.vera_A", [2, 4]), ("base_model.vera_B", [4, 2])]
    let own = (0..<3).flatMap { layer in
      [("vera_lambda_b", [4]), ("vera_lambda_d", [2])].map {
        ("base_model.model.model.layers.\(layer).attn.q.\($0.0)", $0.1)
      }
    }
    let draft = try match(own + shared, layers("model.layers.#", ["attn.q.weight"]))
    #expect(
      draft.match
        == MatchSummary(
          base: "b", placed: 3, count: 3, unplaced: [],
          shared: ["base_model.vera_A", "base_model.vera_B"]))
    #expect(draft.names.suffix(2) == shared.map(\.0)[...])
  }

  @Test func `tries known renamings where words are not enough`() throws {
    var draft = RenamingDraft(try KeyFixture.list("llava-1.5-original"))
    try draft.match(try KeyFixture.list("llava-1.5-new"))
    #expect(draft.steps.map(\.source) == [.preset("llava-to-hf"), .preset("transformers-4.52")])
    #expect(Set(draft.names) == Set(try KeyFixture.list("llava-1.5-new").names))
  }

  @Test func `says what many names have in common in as few rules`() throws {
    var draft = RenamingDraft(try KeyFixture.list("qwen2-vl-new"))
    try draft.match(try KeyFixture.list("qwen2-vl-old"))
    #expect(rules(draft) == [#"\.language_model\.=."#, #"^model\.visual\.=visual."#])
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
      ("a.weight: torch.Size([4, 2])", ["a.weight"], [[4, 2]]),
      ("a.weight: [4, 2] torch.float32", ["a.weight"], [[4, 2]]),
      ("a.weight, [4, 2]", ["a.weight"], [[4, 2]]),
      ("a.weight,\"[4, 2]\"", ["a.weight"], [[4, 2]]),
      ("| `a.weight` | [4, 2] |", ["a.weight"], [[4, 2]]),
      ("a.weight 4x2", ["a.weight"], [[4, 2]]),
      ("- a.weight", ["a.weight"], [nil]),
      ("dense/kernel:0 (4, 2)", ["dense/kernel:0"], [[4, 2]]),
    ] as [(String, [String], [[Int]?])]

  @Test(arguments: lines)
  func `reads names as they are printed`(line: String, names: [String], shapes: [[Int]?]) throws {
    let list = try #require(KeyList(text: "path  x\n\(line)\n", path: "t"))
    #expect(list.names == names)
    #expect(list.entries.map(\.shape) == shapes)
  }

  static let starts = [
    ("0.", "", #"^0\.="#), ("", "0.", "^=0."), ("0.auto_model.", "", #"^0\.auto_model\.="#),
    ("0.auto_model.", "encoder.", #"^0\.auto_model\.=encoder."#), ("0.", "1.inner.", nil),
  ]

  /// `nn.Sequential` counts its modules, and there may be one alone.
  @Test(arguments: starts)
  func `a number at the start may be a part of the name`(
    old: String, new: String, rule: String?
  ) throws {
    let words = ["attn.q", "attn.k", "mlp.up"]
    let (names, base) = (layers("\(old)layers.#", words), layers("\(new)layers.#", words))
    guard let rule else {
      #expect(throws: CheckpointError.self) { try match(names, base) }
      return
    }
    #expect(rules(try match(names, base)) == [rule])
  }

  @Test func `a number at the start that counts layers stays one`() throws {
    let draft = try match(layers("#.attn", ["q", "k"]), layers("layers.#.attn", ["q", "k"]))
    #expect(rules(draft) == ["^=layers."])
  }

  @Test func `modules of different kinds keep their numbers or lose them`() throws {
    let names = layers("0.auto_model.layers.#", ["q", "k"]) + [("2.linear.weight", [4, 4])]
    let draft = try match(names, layers("layers.#", ["q", "k"]))
    #expect(draft.names.contains("layers.2.k.weight"))
    #expect(draft.match?.unplaced == ["2.linear.weight"])
  }

  @Test(arguments: [
    ("a", "b", "c"), ("tower_one", "tower_two", "tower_three"), ("one", "two", "three"),
  ])
  func `a tower is not the one that is left where another would fit as well`(
    first: String, second: String, third: String
  ) throws {
    let words = ["attn.q", "attn.k", "mlp.up"]
    let error = #expect(throws: CheckpointError.self) {
      try match(
        layers("\(first).layers.#", words) + layers("\(second).layers.#", words),
        layers("\(second).layers.#", words) + layers("\(third).layers.#", words))
    }
    #expect(error?.description == "a: 9 names could be more than one of b, and nothing tells which")
    #expect(
      error?.details.first
        == "\(first).layers.0.attn.q.weight → \(second).layers.0.attn.q.weight or "
        + "\(third).layers.0.attn.q.weight")
  }

  @Test func `a tower with a module that the other has not got is told apart`() throws {
    let words = ["attn.q", "attn.k"]
    let draft = try match(
      layers("one.layers.#", words + ["mlp.up"]) + layers("two.layers.#", words),
      layers("two.layers.#", words) + layers("three.layers.#", words + ["mlp.up"]))
    #expect(rules(draft) == [#"^one\.=three."#])
  }
}
