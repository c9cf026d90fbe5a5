import Testing

@testable import Inspect

@Suite struct AdapterKeyTests {
  struct Case: CustomTestStringConvertible {
    let key: String
    let target: String
    let what: String
    var testDescription: String { key }

    init(_ key: String, _ target: String, _ what: String) {
      self.key = key
      self.target = target
      self.what = what
    }
  }

  static let cases = [
    Case(
      "base_model.model.model.layers.7.mlp.down_proj.lora_B.weight",
      "model.layers.7.mlp.down_proj", "lora_B.weight"),
    Case(
      "base_model.model.transformer.h.0.attn.c_attn.lora_A.weight",
      "transformer.h.0.attn.c_attn", "lora_A.weight"),
    Case(
      "base_model.model.encoder.layer.0.attention.self.query.lora_A.default.weight",
      "encoder.layer.0.attention.self.query", "lora_A.weight default"),
    Case("base_model.model.attn.lora_B.weight", "attn", "lora_B.weight"),
    Case(
      "base_model.model.attn.base_layer.out_proj.lora_A.weight", "attn.out_proj", "lora_A.weight"),
    Case("base_model.model.q_proj.lora_B.bias", "q_proj", "lora_B.bias"),
    Case("base_model.model.q_proj.lora_B.default.bias", "q_proj", "lora_B.bias default"),
    Case("base_model.model.emb.lora_embedding_A", "emb", "lora_embedding_A"),
    Case("base_model.model.emb.lora_embedding_B.default", "emb", "lora_embedding_B default"),
    Case("base_model.model.q_proj.lora_magnitude_vector", "q_proj", "lora_magnitude_vector"),
    Case(
      "base_model.model.q.lora_magnitude_vector.default.weight", "q",
      "lora_magnitude_vector default"),
    Case("base_model.model.q.hada_w1_a", "q", "hada_w1_a"),
    Case("base_model.model.q.ia3_l", "q", "ia3_l"),
    Case("base_model.vera_A", "", "vera_A"),
    Case("base_model.vera_B.default", "", "vera_B default"),
    Case(
      "base_model.model.model.layers.0.mlp.experts.base_layer.lora_A.weight",
      "model.layers.0.mlp.experts", "lora_A.weight nested"),
    Case("base_model.model.lm_head.weight", "lm_head.weight", "trained module"),
    Case(
      "base_model.model.lm_head.modules_to_save.default.weight", "lm_head.weight",
      "trained module default"),
    Case("base_model.model.lm_head.original_module.weight", "lm_head.weight", "frozen copy"),
    Case(
      "base_model.model.model.embed_tokens.base_layer.weight", "model.embed_tokens.weight",
      "base layer"),
    Case(
      "base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta",
      "model.embed_tokens.weight", "token rows"),
    Case("base_model.model.q_proj.bias", "q_proj.bias", "bias"),
    // PLoRA holds the text "lora_" and is no LoRA.
    Case("base_model.model.plora_glb_GN", "plora_glb_GN", "PLoRA"),
    Case(
      "base_model.model.model.layers.0.attention.wqkv.base_layer.Plora_B.weight",
      "model.layers.0.attention.wqkv.Plora_B.weight", "PLoRA"),
    Case(
      "base_model.model.model.layers.0.attention.wqkv.Plora_A.lora_A.weight",
      "model.layers.0.attention.wqkv.Plora_A", "lora_A.weight"),
    // Wrappers.
    Case("module.base_model.model.q.lora_A.weight", "q", "lora_A.weight [module]"),
    Case(
      "_orig_mod.module.base_model.model.a.q.lora_A.weight", "a.q",
      "lora_A.weight [_orig_mod module]"),
    Case(
      "base_model.model.a._checkpoint_wrapped_module.q._orig_mod.lora_A.default.weight", "a.q",
      "lora_A.weight default [_checkpoint_wrapped_module _orig_mod]"),
    Case("base_model.model.module.q.lora_A.weight", "module.q", "lora_A.weight"),
    Case(
      "base_model.model.base_model.model.q.lora_A.weight", "base_model.model.q",
      "lora_A.weight ×2"),
    Case(
      "language_model.base_model.model.model.layers.0.attention.wqkv.lora_A.default.weight",
      "language_model.model.layers.0.attention.wqkv", "lora_A.weight default"),
    // Nothing of an adapter.
    Case(
      "model.layers.0.mlp.up_proj.weight", "model.layers.0.mlp.up_proj.weight", "trained module"),
    Case("lora_A.a.b.weight", "lora_A.a.b.weight", "trained module"),
    Case("base_model.model", "base_model.model", "trained module"),
    Case("module", "module", "trained module"),
    Case("", "", "trained module"),
    Case(".lora_A.weight", "", "lora_A.weight"),
  ]

  @Test(arguments: cases)
  func `takes a key of PEFT apart`(row: Case) {
    let key = AdapterKey(peft: row.key)
    #expect(key.target == row.target)
    var what =
      switch key.content {
      case .leaf(let leaf, let isNested): leaf.name + (isNested ? " nested" : "")
      case .plain(let kind): kind.rawValue
      case .frozenCopy: "frozen copy"
      }
    if let name = key.adapterName { what += " \(name)" }
    if !key.wrappers.isEmpty { what += " [\(key.wrappers.joined(separator: " "))]" }
    if key.modelPrefixCount > 1 { what += " ×\(key.modelPrefixCount)" }
    #expect(what == row.what)
    if case .leaf = key.content {
      #expect(AdapterKey.hasLeaf(row.key))
    } else {
      #expect(!AdapterKey.hasLeaf(row.key))
    }
  }

  @Test func `methods without rows are known by the configuration's name`() {
    guard
      case .leaf(let leaf, _) = AdapterKey(peft: "base_model.model.q.hra_u", family: "hra").content
    else {
      Issue.record("hra_u is a leaf of HRA")
      return
    }
    #expect(leaf.family == "hra")
    if case .leaf = AdapterKey(peft: "base_model.model.q.hra_u").content {
      Issue.record("hra_u is no leaf without a configuration")
    }
  }
}
