import Compute
import Formats
import Foundation
import TestSupport
import Testing

@testable import Inspect

/// Llama in Meta's names, whose rows of q and k lie in another order.
@Suite struct MetaNamesTests {
  /// A tensor of bytes, each its own place's number.
  private func bytes(_ name: String, _ shape: [Int]) throws -> TensorRecord {
    let count = shape.reduce(1, *)
    let file = try InputFile(
      holding: (0..<count).map { UInt8(truncatingIfNeeded: $0) }, name: name)
    return TensorRecord(
      name: name, type: .element(.u8), shape: shape,
      bytes: TensorBytes(Extent(file: file, offset: 0, count: count)))
  }

  private func draft(_ records: [TensorRecord], queries: Int, keys: Int) throws -> RenamingDraft {
    var draft = try RenamingDraft(Checkpoint(path: "m", format: .safetensors, records: records))
    draft.statedHeads = try AttentionHeads(queries: queries, keys: keys)
    return draft
  }

  private func apply(_ preset: String, to draft: RenamingDraft) throws -> RenamingDraft {
    var draft = draft
    try draft.apply(try RenamePreset(named: preset), base: nil)
    return draft
  }

  private func content(_ draft: RenamingDraft) throws -> [String: [UInt8]] {
    var content: [String: [UInt8]] = [:]
    for tensor in draft.tensors {
      content[tensor.record.name] = try TensorData.bytes(of: tensor.record)
    }
    return content
  }

  @Test func `rows that are turned together come half a head apart`() throws {
    let draft = try draft(
      [
        try bytes("layers.0.attention.wq.weight", [12, 1]),
        try bytes("layers.0.attention.wk.weight", [6, 1]),
        try bytes("layers.0.attention.wv.weight", [6, 1]),
      ], queries: 2, keys: 1)
    let found = try apply("meta-to-hf", to: draft)
    #expect(
      try content(found) == [
        "model.layers.0.self_attn.q_proj.weight": [0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11],
        "model.layers.0.self_attn.k_proj.weight": [0, 2, 4, 1, 3, 5],
        "model.layers.0.self_attn.v_proj.weight": Array(0..<6),
      ])
    #expect(found.projections.allSatisfy { $0.isReordering && $0.moduleCount == 1 })
    #expect(try content(apply("hf-to-meta", to: found)) == content(draft))
  }

  @Test func `comes back whatever the heads`() throws {
    var generator = SeededGenerator(seed: 11)
    for _ in 0..<100 {
      let keys = Int.random(in: 1...4, using: &generator)
      let queries = keys * Int.random(in: 1...4, using: &generator)
      let size = 2 * Int.random(in: 1...4, using: &generator)
      let draft = try draft(
        [
          try bytes("layers.7.attention.wq.weight", [queries * size, 3]),
          try bytes("layers.7.attention.wk.weight", [keys * size, 3]),
        ], queries: queries, keys: keys)
      let back = try apply("hf-to-meta", to: apply("meta-to-hf", to: draft))
      #expect(try content(back) == content(draft), "seed 11, \(queries) \(keys) \(size)")
    }
  }

  static let names = [
    ("tok_embeddings.weight", "model.embed_tokens.weight"), ("norm.weight", "model.norm.weight"),
    ("output.weight", "lm_head.weight"),
    ("layers.3.attention.wo.weight", "model.layers.3.self_attn.o_proj.weight"),
    ("layers.3.attention_norm.weight", "model.layers.3.input_layernorm.weight"),
    ("layers.3.ffn_norm.weight", "model.layers.3.post_attention_layernorm.weight"),
    ("layers.3.feed_forward.w1.weight", "model.layers.3.mlp.gate_proj.weight"),
    ("layers.3.feed_forward.w2.weight", "model.layers.3.mlp.down_proj.weight"),
    ("layers.3.feed_forward.w3.weight", "model.layers.3.mlp.up_proj.weight"),
    (
      "base_model.model.layers.3.feed_forward.w3.lora_A.weight",
      "base_model.model.model.layers.3.mlp.up_proj.lora_A.weight"
    ),
  ]

  @Test(arguments: names)
  func `has the names of both sides`(meta: String, transformers: String) throws {
    let draft = RenamingDraft(KeyList(path: "m", [.init(meta), .init("rope.freqs")]))
    let found = try apply("meta-to-hf", to: draft)
    #expect(found.names == [transformers])
    #expect(found.dropped.map(\.name) == ["rope.freqs"])
    #expect(try apply("hf-to-meta", to: found).names == [meta])
  }

  @Test func `an adapter's A stays, its B moves, and its configuration is renamed`() throws {
    var draft = try draft(
      [
        try bytes("base_model.model.layers.0.attention.wq.lora_A.weight", [2, 3]),
        try bytes("base_model.model.layers.0.attention.wq.lora_B.weight", [4, 2]),
      ], queries: 1, keys: 1)
    draft.configuration = try JSONValue(
      parsing: Array(#"{"r": 2, "target_modules": ["wq"]}"#.utf8))
    let found = try apply("meta-to-hf", to: draft)
    let stem = "base_model.model.model.layers.0.self_attn.q_proj"
    #expect(
      try content(found) == [
        "\(stem).lora_A.weight": Array(0..<6),
        "\(stem).lora_B.weight": [0, 1, 4, 5, 2, 3, 6, 7],
      ])
    #expect(found.configuration?["target_modules"]?.array == [.string("q_proj")])
  }

  private func refusal(_ work: () throws -> Void) -> String {
    do {
      try work()
      return "done"
    } catch {
      return "\(error)"
    }
  }

  @Test func `refuses what has no exact form`() throws {
    let odd = try draft(
      [try bytes("layers.0.attention.wq.weight", [6, 1])], queries: 2, keys: 2)
    #expect(
      refusal { _ = try apply("meta-to-hf", to: odd) }
        == "m: tensor \"layers.0.attention.wq.weight\": has 6 rows for 2 heads, 3 each; expected an "
        + "even number, of which the rotary embedding turns pairs")
    let vision = try draft(
      [try bytes("vision_encoder.transformer.layers.0.attention.wq.weight", [8, 1])], queries: 2,
      keys: 2)
    #expect(
      refusal { _ = try apply("meta-to-hf", to: vision) }
        == "m: tensor \"vision_encoder.transformer.layers.0.attention.wq.weight\": it does not begin "
        + "with \"layers\", and only the heads of the text model are known")
    let unknown = RenamingDraft(
      KeyList(path: "m", [.init("layers.0.attention.wq.weight", [8, 1])]))
    #expect(
      refusal { _ = try apply("meta-to-hf", to: unknown) }
        == "m: tensor \"layers.0.attention.wq.weight\": needs num_attention_heads and "
        + "num_key_value_heads; neither config.json nor params.json lies beside it")
  }

  @Test func `heads are told in Meta's words too`() throws {
    let json = try JSONValue(
      parsing: Array(#"{"dim": 64, "n_heads": 8, "n_kv_heads": 2, "n_layers": 2}"#.utf8))
    let heads = try AttentionHeads(json, file: "params.json", path: "layers.0.attention.wq")
    #expect(heads?.queries == 8 && heads?.keys == 2 && heads?.size == 8)
  }

  private static let meta = ["wq", "wk", "wv", "wo"].map {
    KeyList.Entry("layers.0.attention.\($0).weight", [8, 8])
  }
  private static let transformers = ["q", "k", "v", "o"].map {
    KeyList.Entry("model.layers.0.self_attn.\($0)_proj.weight", [8, 8])
  }

  @Test func `no renaming alone leads from one side to the other`() throws {
    var draft = RenamingDraft(KeyList(path: "m", Self.meta))
    #expect(
      refusal { try draft.match(KeyList(path: "b", Self.transformers)) }
        == "m: the names are those of Meta's files of Llama, which Mistral's have too, and the rows "
        + "of q and k lie in another order than transformers has them: a renaming to those of b "
        + "would give wrong numbers")
    draft = RenamingDraft(KeyList(path: "m", Self.transformers))
    #expect(
      refusal { try draft.match(KeyList(path: "b", Self.meta)) }
        == "m: the names are those of transformers, and the rows of q and k lie in another order "
        + "than Meta's code has them: a renaming to those of b would give wrong numbers")
  }
}
