import Compute
import Formats
import Foundation
import OrderedCollections
import TestSupport
import Testing

@testable import Inspect

@Suite struct ProjectionTests {
  /// A tensor of bytes, each its own place's number from `start` on.
  private func bytes(_ name: String, _ shape: [Int], from start: UInt8 = 0) throws -> TensorRecord {
    let count = shape.reduce(1, *)
    let content = (0..<count).map { start &+ UInt8(truncatingIfNeeded: $0) }
    let file = try InputFile(holding: content, name: name)
    return TensorRecord(
      name: name, type: .element(.u8), shape: shape,
      bytes: TensorBytes(Extent(file: file, offset: 0, count: count)))
  }

  private func draft(_ records: [TensorRecord], configuration: String? = nil) throws
    -> RenamingDraft
  {
    var draft = try RenamingDraft(
      Checkpoint(path: "m", format: .safetensors, records: records))
    draft.configuration = try configuration.map { try JSONValue(parsing: Array($0.utf8)) }
    return draft
  }

  private func apply(_ presets: String..., to draft: RenamingDraft) throws -> RenamingDraft {
    var draft = draft
    for preset in presets { try draft.apply(try RenamePreset(named: preset), base: nil) }
    return draft
  }

  private func content(_ draft: RenamingDraft) throws -> [String: [UInt8]] {
    var content: [String: [UInt8]] = [:]
    for tensor in draft.tensors {
      content[tensor.record.name] = try TensorData.bytes(of: tensor.record)
    }
    return content
  }

  @Test func `cuts contiguous rows by heads`() throws {
    var draft = try draft([try bytes("a.qkv_proj.weight", [8, 2])])
    draft.statedHeads = try AttentionHeads(queries: 2, keys: 1)
    let split = try apply("split-qkv", to: draft)
    #expect(split.names == ["a.q_proj.weight", "a.k_proj.weight", "a.v_proj.weight"])
    #expect(split.tensors.map(\.record.shape) == [[4, 2], [2, 2], [2, 2]])
    #expect(
      try content(split) == [
        "a.q_proj.weight": Array(0..<8), "a.k_proj.weight": Array(8..<12),
        "a.v_proj.weight": Array(12..<16),
      ])
  }

  @Test func `unravels the heads of InternLM2`() throws {
    // Two heads of keys, each with two of queries; a head has one row of one byte.
    var draft = try draft([try bytes("a.wqkv.weight", [8, 1])])
    draft.statedHeads = try AttentionHeads(queries: 4, keys: 2)
    let split = try apply("split-wqkv", to: draft)
    #expect(
      try content(split) == [
        "a.q_proj.weight": [0, 1, 4, 5], "a.k_proj.weight": [2, 6], "a.v_proj.weight": [3, 7],
      ])
    let fused = try apply("fuse-wqkv", to: split)
    #expect(try content(fused) == ["a.wqkv.weight": Array(0..<8)])
    #expect(fused.tensors[0].record.plainExtent != nil, "pieces that meet are one again")
  }

  @Test func `every layout comes back, whatever the heads`() throws {
    var generator = SeededGenerator(seed: 7)
    for _ in 0..<200 {
      let keys = Int.random(in: 1...4, using: &generator)
      let queries = keys * Int.random(in: 1...4, using: &generator)
      let rows = (queries + 2 * keys) * Int.random(in: 1...3, using: &generator)
      var draft = try draft([
        try bytes("a.qkv_proj.weight", [rows, 3]), try bytes("b.wqkv.weight", [rows, 2]),
      ])
      draft.statedHeads = try AttentionHeads(queries: queries, keys: keys)
      let wqkv = try apply("split-wqkv", "fuse-wqkv", to: draft)
      #expect(try content(wqkv) == content(draft), "seed 7, \(queries) \(keys) \(rows)")
      let qkv = try apply("split-qkv", "fuse-qkv", to: draft)
      #expect(try content(qkv) == content(draft), "seed 7, \(queries) \(keys) \(rows)")
    }
  }

  @Test func `shares A and cuts B`() throws {
    let draft = try draft(
      [
        try bytes("base_model.model.m.gate_up_proj.lora_A.weight", [1, 3]),
        try bytes("base_model.model.m.gate_up_proj.lora_B.weight", [4, 1], from: 10),
      ],
      configuration: #"{"r": 1, "lora_alpha": 2, "target_modules": ["gate_up_proj"]}"#)
    let split = try apply("split-gate-up", to: draft)
    #expect(
      try content(split) == [
        "base_model.model.m.gate_proj.lora_A.weight": [0, 1, 2],
        "base_model.model.m.up_proj.lora_A.weight": [0, 1, 2],
        "base_model.model.m.gate_proj.lora_B.weight": [10, 11],
        "base_model.model.m.up_proj.lora_B.weight": [12, 13],
      ])
    #expect(
      split.configuration?["target_modules"]?.array == [.string("gate_proj"), .string("up_proj")])
    let fused = try apply("fuse-gate-up", to: split)
    #expect(try content(fused) == content(draft))
    #expect(fused.configuration == draft.configuration)
  }

  @Test func `adds ranks and keeps the scale`() throws {
    let records = [
      try bytes("m.gate_proj.lora_A.weight", [1, 2], from: 1),
      try bytes("m.gate_proj.lora_B.weight", [2, 1], from: 11),
      try bytes("m.up_proj.lora_A.weight", [2, 2], from: 21),
      try bytes("m.up_proj.lora_B.weight", [2, 2], from: 31),
      try bytes("m.down_proj.lora_A.weight", [1, 2], from: 41),
      try bytes("m.down_proj.lora_B.weight", [2, 1], from: 51),
    ]
    let config =
      #"{"r": 1, "lora_alpha": 3, "rank_pattern": {"up_proj": 2}, "alpha_pattern": {"up_proj": 6}}"#
    let fused = try apply("fuse-gate-up", to: try draft(records, configuration: config))
    let content = try content(fused)
    #expect(content["m.gate_up_proj.lora_A.weight"] == [1, 2, 21, 22, 23, 24])
    #expect(
      content["m.gate_up_proj.lora_B.weight"] == [11, 0, 0, 12, 0, 0, 0, 31, 32, 0, 33, 34])
    let json = try #require(fused.configuration)
    let scales = try ConfiguredScales(AdapterConfiguration(json, path: "c"))
    #expect(scales.rank(of: "m.gate_up_proj") == 3)
    #expect(scales.alpha(of: "m.gate_up_proj") == 9)
    #expect(scales.rank(of: "m.down_proj") == 1)
    #expect(scales.alpha(of: "m.down_proj") == 3)
  }

  @Test func `a stabilized scale that no alpha gives has zeros added to the rank`() throws {
    let records = [
      try bytes("m.gate_proj.lora_A.weight", [1, 2], from: 1),
      try bytes("m.gate_proj.lora_B.weight", [1, 1], from: 11),
      try bytes("m.up_proj.lora_A.weight", [1, 2], from: 21),
      try bytes("m.up_proj.lora_B.weight", [1, 1], from: 31),
    ]
    let fused = try apply(
      "fuse-gate-up",
      to: try draft(records, configuration: #"{"r": 1, "lora_alpha": 7, "use_rslora": true}"#))
    let content = try content(fused)
    #expect(content["m.gate_up_proj.lora_A.weight"] == [1, 2, 21, 22, 0, 0])
    #expect(content["m.gate_up_proj.lora_B.weight"] == [11, 0, 0, 0, 31, 0])
    let alpha = try #require(fused.configuration?["lora_alpha"]?.double)
    #expect(fused.configuration?["r"]?.int == 3)
    #expect(alpha / Double(3).squareRoot() == 7)
  }

  @Test func `a part without an update has rows of 0`() throws {
    let records = [
      try bytes("m.up_proj.lora_A.weight", [1, 2]),
      try bytes("m.up_proj.lora_B.weight", [2, 1], from: 5),
    ]
    let fused = try apply("fuse-gate-up", to: try draft(records))
    #expect(try content(fused)["m.gate_up_proj.lora_B.weight"] == [0, 0, 5, 6])
  }

  @Test func `an alpha that no number can be is refused`() throws {
    let records = try ["gate_proj", "up_proj"].enumerated().flatMap { index, part in
      let start = UInt8(10 * index)
      return [
        try bytes("m.\(part).lora_A.weight", [index + 1, 2], from: start),
        try bytes("m.\(part).lora_B.weight", [2, index + 1], from: start),
      ]
    }
    #expect(
      text(try draft(records, configuration: #"{"r": 1, "rank_pattern": {"up_proj": 2}}"#))
        == "m: tensor \"m.gate_up_proj\": its parts have the scales 8.0, 4.0; one projection has "
        + "one scale")
    #expect(
      text(try draft(records))
        == "m: tensor \"m.gate_up_proj\": its rank grows to 3, and no adapter_config.json says "
        + "the alpha that has to grow with it")
  }

  @Test func `a configuration in the metadata is not left behind`() throws {
    var draft = try draft([try bytes("unet.m.up_proj.weight", [2, 1])])
    draft.metadata[PackedConfigurations.key] = "{}"
    #expect(
      text(draft)
        == "m: its configuration lies in the metadata, where it would not be changed along")
  }

  private func text(_ draft: RenamingDraft, _ preset: String = "fuse-gate-up") -> String {
    var draft = draft
    do {
      try draft.apply(try RenamePreset(named: preset), base: nil)
      return "done"
    } catch {
      return "\(error)"
    }
  }

  struct Refusal: CustomTestStringConvertible {
    let preset: String
    let tensors: [(name: String, shape: [Int])]
    let text: String
    var testDescription: String { text }
  }

  static let refusals = [
    Refusal(
      preset: "split-gate-up", tensors: [("m.gate_up_proj.weight", [0])],
      text: "m: tensor \"m.gate_up_proj.weight\": is [0]; expected 1 to 1099511627776 elements"),
    Refusal(
      preset: "split-gate-up",
      tensors: [("m.gate_up_proj.weight", [4, 2]), ("m.gate_up_proj.weight_scale", [4, 1])],
      text: "m: tensor \"m.gate_up_proj.weight_scale\": it has no exact form in gate_proj, up_proj"),
    Refusal(
      preset: "split-wqkv",
      tensors: [("m.wqkv.weight", [4, 2]), ("m.wqkv.Plora_A.weight", [4, 1])],
      text: "m: tensor \"m.wqkv.Plora_A.weight\": it has no exact form in q_proj, k_proj, v_proj"),
    Refusal(
      preset: "split-gate-up", tensors: [("m.gate_up_proj.weight", [5, 2])],
      text: "m: tensor \"m.gate_up_proj.weight\": has 5 rows; expected 2 parts of the same size"),
    Refusal(
      preset: "split-qkv", tensors: [("v.attn.qkv.weight", [6, 3])],
      text: "m: tensor \"v.attn.qkv.weight\": has 6 rows and 3 columns; expected 3 parts, each "
        + "with as many rows as columns"),
    Refusal(
      preset: "split-qkv", tensors: [("v.qkv_proj.weight", [6, 3])],
      text: "m: tensor \"v.qkv_proj.weight\": needs num_attention_heads and num_key_value_heads; "
        + "neither config.json nor params.json lies beside it"),
    Refusal(
      preset: "split-qkv", tensors: [("v.q_proj.weight", [6, 3])],
      text: "m: the preset \"split-qkv\" is for qkv_proj, qkv; none of the 1 names is of such a "
        + "module"),
    Refusal(
      preset: "fuse-gate-up", tensors: [("m.up_proj.weight", [6, 3])],
      text: "m: tensor \"m.gate_up_proj\": m.gate_proj.weight is missing; there is "
        + "m.up_proj.weight"),
    Refusal(
      preset: "fuse-gate-up",
      tensors: [("m.up_proj.weight", [6, 3]), ("m.gate_proj.weight", [4, 3])],
      text: "m: tensor \"m.gate_up_proj\": gate_proj has 4, up_proj has 6 rows; expected the same "
        + "number"),
    Refusal(
      preset: "fuse-gate-up",
      tensors: [("m.up_proj.weight", [6, 3]), ("m.gate_proj.weight", [6, 2])],
      text: "m: tensor \"m.up_proj.weight\": is U8 [6, 3], but \"m.gate_proj.weight\" is U8 "
        + "[6, 2]; they cannot be one tensor"),
    Refusal(
      preset: "fuse-gate-up",
      tensors: [("m.up_proj.lora_A.weight", [6, 3]), ("m.gate_proj.lora_B.weight", [6, 2])],
      text: "m: tensor \"m.gate_up_proj\": a part has lora_A or lora_B alone; expected both"),
  ]

  @Test func `shapes that a text makes up end in words`() throws {
    for shape in [[Int.max, Int.max], [1 << 40, 1 << 24], [3 << 38, 1 << 1], [1 << 62]] {
      var draft = RenamingDraft(
        KeyList(path: "m", [.init("a.wqkv.weight", shape), .init("a.up_proj.weight", shape)]))
      draft.statedHeads = try AttentionHeads(queries: 1, keys: 1)
      #expect(text(draft, "split-wqkv").contains("elements"))
      #expect(text(draft).contains("elements"))
    }
    var draft = RenamingDraft(
      KeyList(
        path: "m",
        [
          .init("a.up_proj.lora_A.weight", [1 << 18, 1]),
          .init("a.up_proj.lora_B.weight", [1 << 22, 1 << 18]),
        ]))
    #expect(
      text(draft)
        == "m: tensor \"a.gate_up_proj\": would have 8388608 rows of 262144 bytes; at most "
        + "68719476736 bytes are put together")
    draft = RenamingDraft(KeyList(path: "m", [.init("a.gate_up_proj.weight")]))
    #expect(
      text(draft, "split-gate-up")
        == "m: tensor \"a.gate_up_proj.weight\": its shape is not known, so nothing tells where "
        + "to cut it")
  }

  @Test(arguments: refusals)
  func `what cannot be exact is refused by name`(_ row: Refusal) throws {
    let draft = try draft(row.tensors.map { try bytes($0.name, $0.shape) })
    #expect(text(draft, row.preset) == row.text)
  }

  @Test func `heads come from the configuration of the right part`() throws {
    let json = try JSONValue(
      parsing: Array(
        #"""
        {"llm_config": {"num_attention_heads": 4, "num_key_value_heads": 2, "hidden_size": 32},
         "vision_config": {"num_attention_heads": 3}}
        """#.utf8))
    let language = try AttentionHeads(json, file: "c", path: "language_model.layers.0.a")
    #expect(language?.queries == 4 && language?.keys == 2 && language?.size == 8)
    let vision = try AttentionHeads(json, file: "c", path: "vision_model.layers.0.a")
    #expect(vision?.queries == 3 && vision?.keys == 3 && vision?.size == nil)
    let error = #expect(throws: CheckpointError.self) { try language?.size(of: 72) }
    #expect(
      error?.message
        == "has 72 rows; c says 4 heads and 2 of keys of 8 rows, which makes 64")
    #expect(throws: CheckpointError.self) { try AttentionHeads(queries: 3, keys: 2) }
    #expect(throws: CheckpointError.self) { try AttentionHeads(queries: 0, keys: nil) }
  }

  @Test func `names of InternVL become those of transformers`() throws {
    var draft = RenamingDraft(try KeyFixture.list("internvl2"))
    draft.statedHeads = try AttentionHeads(queries: 32, keys: 8)
    let hf = try apply("internvl-to-hf", to: draft)
    let fixture = try KeyFixture.list("internvl-hf")
    // The two have other language models: one with biases, one without a head.
    func pattern(_ name: String) -> String {
      String(name.split(separator: ".").filter { Int($0) == nil }.joined(separator: "."))
    }
    let biases = ["q_proj", "k_proj", "v_proj"].map {
      "model.language_model.layers.self_attn.\($0).bias"
    }
    #expect(
      Set(hf.names.map(pattern)).union(biases)
        == Set(fixture.names.map(pattern)).union(["lm_head.weight"]))
    #expect(Set(hf.names).count == hf.names.count)
    let back = try apply("hf-to-internvl", "llama-to-internlm2", to: hf)
    #expect(Set(back.names) == Set(draft.names))
  }
}
