import Formats

extension AdapterFamily {
  // Wrapped first, as the states of a training lie beside the configuration of its adapter.
  static let table = [wrapped, llava, kohya, mlx, diffusers, plain]

  private static let llava = AdapterFamily(
    kind: .llavaAdapter,
    recognises: { ($0.hasNonLoraTrainables || $0.holdsProjector) && $0.leafCount > 0 },
    parse: peft, missingAlpha: .unknown,
    examples: [
      Example(
        "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight",
        "model.layers.0.self_attn.q_proj.weight")
    ])

  private static let wrapped = AdapterFamily(
    kind: .wrappedCheckpoint, recognises: \.holdsBase,
    parse: peft, missingAlpha: .unknown, holdsBase: true,
    examples: [
      Example(
        "language_model.base_model.model.model.layers.0.attention.wqkv.lora_A.default.weight",
        "language_model.model.layers.0.attention.wqkv.weight"),
      Example(
        "vision_model.base_model.model.encoder.layers.3.mlp.fc1.lora_B.default.weight",
        "vision_model.encoder.layers.3.mlp.fc1.weight"),
      // Before PEFT 0.7, and InternLM-XComposer 1.
      Example(
        "model.layers.0.self_attn.q_proj.lora_A.weight", "model.layers.0.self_attn.q_proj.weight"),
    ])

  private static let kohya = AdapterFamily(
    kind: .kohyaAdapter, recognises: { $0.kohyaCount > 0 && $0.kohyaCount * 2 > $0.count },
    parse: { key, _ in AdapterKey(kohya: key) }, missingAlpha: .rank,
    naming: .pipeline(.flattened), examples: PipelineExamples.flattened)

  private static let mlx = AdapterFamily(
    kind: .mlxAdapter,
    recognises: { ($0.mlxCount > 0 || $0.isConfiguredByMLX) && $0.leafCount == 0 },
    parse: { key, _ in AdapterKey(mlx: key) }, missingAlpha: .unknown,
    hasTransposedFactors: true,
    configuration: { path throws(CheckpointError) in try AdapterConfiguration(mlxAt: path) },
    examples: [
      Example(
        "model.layers.16.self_attn.q_proj.lora_a", "model.layers.16.self_attn.q_proj.weight"),
      Example("model.layers.16.mlp.down_proj.lora_b", "model.layers.16.mlp.down_proj.weight"),
      Example("model.layers.16.mlp.down_proj.m", "model.layers.16.mlp.down_proj.weight"),
    ])

  private static let diffusers = AdapterFamily(
    kind: .diffusersAdapter, recognises: { $0.diffusersCount > 0 && !$0.hasConfiguration },
    parse: { key, _ in AdapterKey(diffusers: key) }, missingAlpha: .rank,
    naming: .pipeline(.dotted), examples: PipelineExamples.dotted)

  private static let plain = AdapterFamily(
    kind: .peftAdapter, recognises: { $0.leafCount > 0 || $0.hasConfiguration },
    parse: peft, missingAlpha: .unknown,
    examples: [
      Example(
        "base_model.model.model.layers.7.mlp.down_proj.lora_B.weight",
        "model.layers.7.mlp.down_proj.weight"),
      Example(
        "base_model.model.transformer.h.0.attn.c_attn.lora_A.weight",
        "transformer.h.0.attn.c_attn.weight"),
      Example(
        "base_model.model.encoder.layer.0.attention.self.query.lora_A.default.weight",
        "encoder.layer.0.attention.self.query.weight"),
      Example("base_model.model.model.embed_tokens.lora_embedding_A", "model.embed_tokens.weight"),
      Example(
        "base_model.model.model.embed_tokens.base_layer.weight", "model.embed_tokens.weight"),
      Example("base_model.model.lm_head.weight", "lm_head.weight"),
      Example("base_model.model.lm_head.modules_to_save.default.weight", "lm_head.weight"),
      Example(
        "base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta",
        "model.embed_tokens.weight"),
      Example("base_model.model.visual.attn.lora_A.weight", "visual.attn.in_proj_weight"),
      Example(
        "base_model.model.visual.attn.base_layer.out_proj.lora_A.weight",
        "visual.attn.out_proj.weight"),
      Example(
        "_orig_mod.base_model.model.model.layers.0._checkpoint_wrapped_module.mlp.up_proj"
          + ".lora_A.weight", "model.layers.0.mlp.up_proj.weight"),
      // InternLM-XComposer 2, PLoRA itself untouched and adapted.
      Example(
        "base_model.model.model.layers.0.attention.wqkv.lora_A.weight",
        "model.layers.0.attention.wqkv.weight"),
      Example(
        "base_model.model.model.layers.0.attention.wqkv.Plora_A.lora_A.weight",
        "model.layers.0.attention.wqkv.Plora_A.weight"),
    ])
}
