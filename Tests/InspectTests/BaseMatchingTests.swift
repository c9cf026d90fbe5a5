import Compute
import Formats
import Testing

@testable import Inspect

@Suite struct BaseMatchingTests {
  /// An adapter of rank 2 on linear modules: path, outputs and inputs.
  private func adapter(
    _ modules: [(path: String, output: Int, input: Int)], configuration: String? = nil,
    prefix: String = "base_model.model."
  ) throws -> Adapter {
    let records = modules.flatMap { module in
      [
        tensor("\(prefix)\(module.path).lora_A.weight", [2, module.input], .f32),
        tensor("\(prefix)\(module.path).lora_B.weight", [module.output, 2], .f32),
      ]
    }
    let checkpoint = Checkpoint(path: "adapters/mine", format: .safetensors, records: records)
    let parsed = try configuration.map {
      try AdapterConfiguration(JSONValue(parsing: Array($0.utf8)), path: "adapter_config.json")
    }
    let family = try #require(AdapterFamily.table.last)
    return try Adapter.read(checkpoint, as: family, configuration: parsed, alpha: 2)
  }

  private func base(_ weights: [(path: String, shape: [Int])]) -> Checkpoint {
    Checkpoint(
      path: "base", format: .safetensors,
      records: weights.map { tensor("\($0.path).weight", $0.shape) })
  }

  @Test func `matches exact names and tells the orientation`() throws {
    let matching = BaseMatching(
      try adapter([("a.q", 8, 16), ("a.c", 8, 16)]),
      base: base([("a.c", [16, 8]), ("a.q", [8, 16])]))
    #expect(
      matching.matches.map { "\($0.module.target) \($0.base.name) \($0.isTransposed)" } == [
        "a.c a.c.weight true", "a.q a.q.weight false",
      ])
    try matching.requireComplete()
  }

  struct SquareCase: CustomTestStringConvertible {
    let name: String
    let others: [(path: String, output: Int, input: Int, shape: [Int])]
    let configuration: String?
    /// Nil where nothing tells.
    let isTransposed: Bool?
    var testDescription: String { name }
  }

  static let squares = [
    SquareCase(name: "nothing known", others: [], configuration: nil, isTransposed: nil),
    SquareCase(
      name: "by the configuration", others: [], configuration: #"{"r": 2, "fan_in_fan_out": true}"#,
      isTransposed: true),
    // GPT-2: mlp.c_proj decides for attn.c_proj, whatever the configuration says.
    SquareCase(
      name: "by its namesake", others: [("h.0.mlp.c_proj", 8, 32, [32, 8])],
      configuration: #"{"r": 2, "fan_in_fan_out": false}"#, isTransposed: true),
    SquareCase(
      name: "by its namesake, not transposed", others: [("h.0.mlp.c_proj", 8, 32, [8, 32])],
      configuration: #"{"r": 2, "fan_in_fan_out": true}"#, isTransposed: false),
    SquareCase(
      name: "by all others", others: [("h.0.attn.c_attn", 24, 8, [8, 24])], configuration: nil,
      isTransposed: true),
    SquareCase(
      name: "by its relatives, whatever others are",
      others: [("h.0.attn.c_attn", 24, 8, [8, 24]), ("lm_head", 64, 8, [64, 8])],
      configuration: nil, isTransposed: true),
    SquareCase(
      name: "by its relatives, against the configuration",
      others: [("h.0.attn.v_proj", 4, 8, [4, 8])],
      configuration: #"{"r": 2, "fan_in_fan_out": true}"#, isTransposed: false),
    SquareCase(
      name: "relatives disagree",
      others: [("h.0.attn.c_attn", 24, 8, [8, 24]), ("h.0.attn.v_proj", 4, 8, [4, 8])],
      configuration: #"{"r": 2}"#, isTransposed: nil),
    // An encoder of Linear beside a decoder of Conv1D, which set the flag last.
    SquareCase(
      name: "only strangers tell", others: [("decoder.c_attn", 24, 8, [8, 24])],
      configuration: #"{"r": 2, "fan_in_fan_out": true}"#, isTransposed: nil),
  ]

  @Test(arguments: squares)
  func `decides about square weights`(row: SquareCase) throws {
    let modules = row.others.map { (path: $0.path, output: $0.output, input: $0.input) }
    let matching = BaseMatching(
      try adapter([("h.0.attn.c_proj", 8, 8)] + modules, configuration: row.configuration),
      base: base([("h.0.attn.c_proj", [8, 8])] + row.others.map { ($0.path, $0.shape) }))
    let match = matching.matches.first { $0.module.target == "h.0.attn.c_proj" }
    #expect(match?.isTransposed == row.isTransposed)
    #expect(matching.matches.count == row.others.count + (row.isTransposed == nil ? 0 : 1))
    #expect(matching.undecided.count == (row.isTransposed == nil ? 1 : 0))
    if row.isTransposed == nil {
      #expect(throws: CheckpointError.self) { try matching.requireComplete() }
    }
  }

  @Test func `an embedding tells nothing about the square weights beside it`() throws {
    let records = [
      tensor("base_model.model.model.embed_tokens.lora_embedding_A", [2, 64], .f32),
      tensor("base_model.model.model.embed_tokens.lora_embedding_B", [8, 2], .f32),
      tensor("base_model.model.model.q_proj.lora_A.weight", [2, 8], .f32),
      tensor("base_model.model.model.q_proj.lora_B.weight", [8, 2], .f32),
    ]
    let matching = BaseMatching(
      try Adapter(
        Checkpoint(path: "mine", format: .safetensors, records: records), alpha: 2),
      base: base([("model.embed_tokens", [64, 8]), ("model.q_proj", [8, 8])]))
    #expect(
      matching.matches.map { "\($0.base.name) \($0.isTransposed)" } == [
        "model.embed_tokens.weight true", "model.q_proj.weight false",
      ])
  }

  @Test func `without a configuration other weights as Linear holds them decide`() throws {
    let matching = BaseMatching(
      try adapter([("square", 8, 8), ("other", 16, 8)]),
      base: base([("square", [8, 8]), ("other", [16, 8])]))
    #expect(matching.matches.map(\.isTransposed) == [false, false])
    #expect(matching.undecided.isEmpty)
  }

  struct RenameCase: CustomTestStringConvertible {
    let targets: [String]
    let bases: [String]
    let rule: String?
    var prefix = "base_model.model."
    var testDescription: String { "\(targets[0]) in \(bases[0])" }
  }

  static func layers(_ prefix: String, _ leaves: [String] = ["self_attn.q_proj", "mlp.up_proj"])
    -> [String]
  {
    (0..<3).flatMap { layer in leaves.map { "\(prefix)layers.\(layer).\($0)" } }
  }

  static let renames = [
    RenameCase(
      targets: layers("model."), bases: layers("language_model.") + layers("visual_model."),
      rule: nil),
    RenameCase(
      targets: layers("model."), bases: layers("model.language_model."),
      rule: #"\.layers\.=.language_model.layers."#),
    RenameCase(
      targets: layers("model.language_model."), bases: layers("model."),
      rule: #"\.language_model\.=."#),
    RenameCase(
      targets: layers("old-"), bases: layers("model."),
      rule: #"\.old-layers\.=.model.layers."#),
    RenameCase(
      targets: layers(""), bases: layers("model."),
      rule: #"\.layers\.=.model.layers."#),
    RenameCase(
      targets: layers(""), bases: layers("model."),
      rule: #"^=base_model.model. \.layers\.=.model.layers."#, prefix: ""),
    RenameCase(
      targets: layers("model."), bases: layers(""),
      rule: #"\.model\.layers\.=.layers."#),
    RenameCase(
      targets: layers("base_model.model.model."), bases: layers("model."),
      rule: #"\.base_model\.model\.=."#),
    // What a training program calls the whole, before PEFT's own beginning.
    RenameCase(
      targets: layers("model."), bases: layers("model."), rule: #"^net\.="#,
      prefix: "net.base_model.model."),
    RenameCase(
      targets: layers("model."), bases: layers("model."), rule: #"^model\.="#,
      prefix: "model.base_model.model."),
    RenameCase(
      targets: layers("model."), bases: layers("model."), rule: #"^llm\.=base_model.model."#,
      prefix: "llm."),
    // There it is a module of the base.
    RenameCase(
      targets: layers("model."), bases: layers("llm.language_model.model."),
      rule: #"^language_model\.base_model\.model\.=base_model.model.llm.language_model."#,
      prefix: "language_model.base_model.model."),
    // PEFT's beginning without its end.
    RenameCase(
      targets: layers(""), bases: layers("model."), rule: #"^base_model\.=base_model.model.model."#,
      prefix: "base_model."),
    // Some modules are in place: another prefix would move them along.
    RenameCase(
      targets: layers("model.") + ["model.lm_head"],
      bases: layers("model.language_model.") + ["model.lm_head"],
      rule: #"\.layers\.=.language_model.layers."#),
    RenameCase(
      targets: layers("model.") + ["model.layers.9.up"],
      bases: layers("model.language_model.") + ["model.layers.9.up"], rule: nil),
    // Layers are missing: two would have to go to the same place or nowhere.
    RenameCase(
      targets: layers("model."), bases: Array(layers("language_model.model.").dropLast()), rule: nil
    ),
    // The layer number is no prefix to change.
    RenameCase(
      targets: ["model.layers.0.q", "model.layers.1.q"],
      bases: ["model.layers.2.q", "model.layers.3.q"], rule: nil),
    // A word inside.
    RenameCase(
      targets: layers("model.", ["attention.q_proj", "attention.v_proj"]),
      bases: layers("model.", ["self_attn.q_proj", "self_attn.v_proj", "mlp.up_proj"]),
      rule: #"\.attention\.=.self_attn."#),
    RenameCase(
      targets: layers("model.", ["attn.q_proj", "mlp.up_proj"]),
      bases: layers("model.", ["self.attn.q_proj", "mlp.up_proj"]), rule: nil),
    RenameCase(
      targets: layers("model.", ["attn.q", "attn.k"]),
      bases: layers("model.", ["self_attn.q", "cross_attn.k"]), rule: nil),
    RenameCase(
      targets: layers("model.", ["attn.q"]),
      bases: layers("model.", ["self_attn.q", "cross_attn.q"]), rule: nil),
    // The word is in the prefix too, so the rule would change more.
    RenameCase(
      targets: ["a.0.model.q", "a.1.model.q"], bases: ["a.0.net.q", "a.1.net.q"], rule: nil),
    // The layer is there already under the new name.
    RenameCase(
      targets: ["a.0.attn.q", "a.0.self_attn.q"], bases: ["a.0.self_attn.q"], rule: nil),
  ]

  @Test(arguments: renames)
  func `suggests one change where it is the only one`(row: RenameCase) throws {
    let matching = BaseMatching(
      try adapter(row.targets.map { ($0, 8, 16) }, prefix: row.prefix),
      base: base(row.bases.map { ($0, [8, 16]) }))
    #expect(matching.renaming?.map?.rules.map(\.description).joined(separator: " ") == row.rule)
    #expect(throws: CheckpointError.self) { try matching.requireComplete() }
  }

  @Test func `shapes choose between places that look alike`() throws {
    let matching = BaseMatching(
      try adapter(Self.layers("model.").map { ($0, 8, 16) }),
      base: base(
        Self.layers("model.language_model.").map { ($0, [8, 16]) }
          + Self.layers("visual.model.").map { ($0, [4, 4]) }))
    #expect(
      matching.renaming?.map?.rules.map(\.description).joined(separator: " ")
        == #"\.layers\.=.language_model.layers."#)
  }

  @Test func `names unused keys, the nearest ones and the command`() throws {
    let matching = BaseMatching(
      try adapter(Self.layers("model.", ["q_proj"]).map { ($0, 8, 16) }),
      base: base(Self.layers("model.language_model.", ["q_proj"]).map { ($0, [8, 16]) }))
    let error = #expect(throws: CheckpointError.self) { try matching.requireComplete() }
    #expect(
      error?.description == "adapters/mine: none of the 3 adapted modules is in the base base")
    #expect(
      error?.details == [
        "unused:",
        "  base_model.model.model.layers.{0..2}.q_proj.lora_A.weight ×3",
        "  base_model.model.model.layers.{0..2}.q_proj.lora_B.weight ×3",
        "nearest in the base:",
        "  model.language_model.layers.{0..2}.q_proj.weight ×3",
      ])
    #expect(
      error?.fix
        == "tenon remap adapters/mine -o adapters/mine-renamed --rename "
        + #"'\.layers\.=.language_model.layers.'"#)
  }

  @Test func `without a suggestion the nearest names remain`() throws {
    let matching = BaseMatching(
      try adapter([("model.layers.0.attn.q_proj", 8, 16), ("model.layers.0.k_proj", 8, 16)]),
      base: base([
        ("model.layers.0.self_attn.q_proj", [9, 9]), ("model.layers.0.k_proj", [8, 16]),
      ]))
    #expect(matching.nearest == ["model.layers.0.self_attn.q_proj.weight"])
    let error = #expect(throws: CheckpointError.self) { try matching.requireComplete() }
    #expect(error?.message == "1 of the 2 adapted modules is not in the base base")
    #expect(error?.fix == nil)
  }

  @Test func `names shapes that do not fit`() throws {
    let matching = BaseMatching(
      try adapter(Self.layers("", ["q"]).map { ($0, 8, 16) }),
      base: base(Self.layers("", ["q"]).map { ($0, [8, 32]) }))
    let error = #expect(throws: CheckpointError.self) { try matching.requireComplete() }
    #expect(
      error?.message
        == "3 modules (layers.{0..2}.q): the adapter updates [8, 16], but the base has [8, 32]")
    #expect(
      error?.details == ["of other shapes in base:", "  layers.{0..2}.q.weight ×3"])
  }

  @Test func `many unmatched modules take no long time`() throws {
    let targets = (0..<5000).map { "model.layers.\($0 / 400).experts.\($0 % 400).up_proj" }
    let matching = BaseMatching(
      try adapter(targets.map { ($0, 8, 16) }),
      base: base(targets.map { ("language_\($0)", [8, 16]) }))
    #expect(
      matching.renaming?.map?.rules.map(\.description).joined(separator: " ")
        == #"\.model\.layers\.=.language_model.layers."#)
    #expect(matching.renaming?.count == 5000)
  }
}
