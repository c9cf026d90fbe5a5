import Formats

/// InternLM2, by itself or as the language model of another, in the names of Llama.
enum InternLM2Names {
  private static let layer = #"(\.|^)layers\.(\d+)\."#

  /// Parts of a layer that are alike but for their names.
  static let layers = [
    ("attention.wo", "self_attn.o_proj"), ("feed_forward.w1", "mlp.gate_proj"),
    ("feed_forward.w3", "mlp.up_proj"), ("feed_forward.w2", "mlp.down_proj"),
    ("attention_norm", "input_layernorm"), ("ffn_norm", "post_attention_layernorm"),
  ]
  private static let front = #"^((?:base_model\.model\.)?(?:language_model\.)?)"#

  static let llama =
    layers.map { own, llama in rule(own, llama) } + [
      RenameRule(checked: #"(\.|^)tok_embeddings(?=\.)"#, #"\1embed_tokens"#),
      RenameRule(checked: front + #"output(?=\.)"#, #"\1lm_head"#),
    ]

  static let own =
    layers.map { own, llama in rule(llama, own) } + [
      RenameRule(checked: #"(\.|^)embed_tokens(?=\.)"#, #"\1tok_embeddings"#),
      RenameRule(checked: front + #"lm_head(?=\.)"#, #"\1output"#),
    ]

  private static func rule(_ old: String, _ new: String) -> RenameRule {
    RenameRule(checked: "\(layer)\(RenameRule.escaped(old))(?=\\.)", "\\1layers.\\2.\(new)")
  }
}

/// InternVL in its own names and in those of transformers.
enum InternVLNames {
  private static let front = #"^(base_model\.model\.)?"#
  private static let ownLayer = #"(^|\.)vision_model\.encoder\.layers\.(\d+)\."#
  private static let layer = #"(^|\.)vision_tower\.encoder\.layer\.(\d+)\."#

  /// Parts of a layer of the vision part.
  private static let inLayer = [
    ("attn.proj", "attention.projection_layer"), ("attn.q_norm", "attention.q_norm"),
    ("attn.k_norm", "attention.k_norm"), ("norm1", "layernorm_before"),
    ("norm2", "layernorm_after"), ("ls1", "lambda_1"), ("ls2", "lambda_2"),
  ]
  private static let inTower = [
    ("embeddings.class_embedding", "embeddings.cls_token"),
    ("embeddings.position_embedding", "embeddings.position_embeddings"),
    ("embeddings.patch_embedding", "embeddings.patch_embeddings.projection"),
  ]
  private static let projector = [
    ("mlp1.0", "layer_norm"), ("mlp1.1", "linear_1"), ("mlp1.3", "linear_2"),
  ]

  static let toTransformers:
    @Sendable (inout RenamingDraft, KeyList?) throws(CheckpointError) -> Void = {
      (draft, _) throws(CheckpointError) in
      let source = RenamingDraft.Source.preset("internvl-to-hf")
      var count = try draft.split(.internViT, as: source)
      var rules = transformers
      if draft.hasModule("attention.wqkv") || draft.hasModule("tok_embeddings") {
        count += try draft.split(.internLM2, as: source)
        rules = InternLM2Names.llama + rules
      }
      try draft.apply(KeyMap(rules), as: source, isOptional: count > 0)
    }

  static let fromTransformers:
    @Sendable (inout RenamingDraft, KeyList?) throws(CheckpointError) -> Void = {
      (draft, _) throws(CheckpointError) in
      let source = RenamingDraft.Source.preset("hf-to-internvl")
      let count = try draft.fuse(.internViT, as: source)
      try draft.apply(KeyMap(own), as: source, isOptional: count > 0)
    }

  private static let transformers =
    inLayer.map { own, new in
      RenameRule(
        checked: "\(ownLayer)\(RenameRule.escaped(own))(?=\\.|$)",
        "\\1vision_model.encoder.layers.\\2.\(new)")
    }
    + inTower.map { own, new in
      RenameRule(
        checked: "(^|\\.)vision_model\\.\(RenameRule.escaped(own))(?=\\.|$)",
        "\\1vision_model.\(new)")
    }
    + projector.map { own, new in
      RenameRule(
        checked: "\(front)\(RenameRule.escaped(own))\\.", "\\1model.multi_modal_projector.\(new).")
    }
    + [
      RenameRule(
        checked: front + #"vision_model\.encoder\.layers\."#,
        #"\1model.vision_tower.encoder.layer."#),
      RenameRule(checked: front + #"vision_model\."#, #"\1model.vision_tower."#),
      RenameRule(checked: front + #"language_model\.lm_head\."#, #"\1lm_head."#),
      RenameRule(checked: front + #"language_model\.model\."#, #"\1model.language_model."#),
    ]

  private static let own =
    [
      // The layout before transformers 4.52 is undone as well.
      RenameRule(checked: front + #"model\.vision_tower\."#, #"\1vision_tower."#),
      RenameRule(checked: front + #"model\.multi_modal_projector\."#, #"\1multi_modal_projector."#),
      RenameRule(checked: front + #"model\.language_model\."#, #"\1language_model.model."#),
      RenameRule(checked: front + #"lm_head\."#, #"\1language_model.lm_head."#),
    ]
    + inLayer.map { own, new in
      RenameRule(
        checked: "\(layer)\(RenameRule.escaped(new))(?=\\.|$)",
        "\\1vision_tower.encoder.layer.\\2.\(own)")
    }
    + inTower.map { own, new in
      RenameRule(
        checked: "(^|\\.)vision_tower\\.\(RenameRule.escaped(new))(?=\\.|$)",
        "\\1vision_tower.\(own)")
    }
    + projector.map { own, new in
      RenameRule(checked: "\(front)multi_modal_projector\\.\(new)\\.", "\\1\(own).")
    }
    + [
      RenameRule(
        checked: front + #"vision_tower\.encoder\.layer\."#, #"\1vision_model.encoder.layers."#),
      RenameRule(checked: front + #"vision_tower\."#, #"\1vision_model."#),
    ]
}
