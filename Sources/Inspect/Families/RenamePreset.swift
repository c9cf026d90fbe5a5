public import Formats

/// A renaming that is known by name: one row of a table.
///
/// Adding a preset is adding a row.
public struct RenamePreset: Sendable {
  public let name: String
  /// What it does, in one line.
  public let summary: String
  /// Whether it has to know the names of the base.
  public let needsBase: Bool
  /// Whether `--to-match` may try it: it only changes names.
  let isForInference: Bool
  /// The projections that it splits or fuses, where it does so.
  let directions: [ProjectionDirection]
  let apply: @Sendable (inout RenamingDraft, KeyList?) throws(CheckpointError) -> Void

  /// A preset that is a list of rules and nothing else.
  init(_ name: String, _ summary: String, _ rules: [RenameRule]) {
    self.init(name, summary, isForInference: true) { (draft, _) throws(CheckpointError) in
      try draft.apply(KeyMap(rules), as: .preset(name))
    }
  }

  /// A preset that takes away what PEFT puts around modules, after rules of its own.
  init(_ name: String, _ summary: String, unwrapping rules: [RenameRule]) {
    self.init(name, summary, isForInference: true) { (draft, _) throws(CheckpointError) in
      let map = KeyMap(rules + PEFTNames.inside)
      try draft.apply(map, as: .preset(name), isOptional: draft.dropFrozenCopies() > 0)
    }
  }

  init(
    _ name: String, _ summary: String, needsBase: Bool = false, isForInference: Bool = false,
    directions: [ProjectionDirection] = [],
    apply: @escaping @Sendable (inout RenamingDraft, KeyList?) throws(CheckpointError) -> Void
  ) {
    self.name = name
    self.summary = summary
    self.needsBase = needsBase
    self.isForInference = isForInference
    self.directions = directions
    self.apply = apply
  }

  /// The preset of this name.
  public init(named name: String) throws(CheckpointError) {
    guard let preset = Self.table.first(where: { $0.name == name }) else {
      throw CheckpointError(
        "there is no preset \(name.quoted); expected one of "
          + Self.table.map(\.name).joined(separator: ", "),
        fix: "tenon remap --list-presets")
    }
    self = preset
  }

  public static let table = [
    RenamePreset(
      "strip-wrappers",
      "module., _orig_mod., policy. before PEFT's names; a doubled base_model.model.",
      KeyWrappers.rules),
    RenamePreset(
      "strip-peft",
      "base_model.model., base_layer, modules_to_save, the adapter's name; untrained copies",
      unwrapping: PEFTNames.front),
    RenamePreset(
      "llava", "non_lora_trainables.bin of LLaVA to the names of its model",
      LLaVANames.trainables),
    RenamePreset(
      "llava-to-hf", "LLaVA 1.5 to the names of transformers before 4.52", LLaVANames.transformers),
    RenamePreset(
      "internvl", "InternVL saved while wrapped for LoRA to the names of its plain model",
      unwrapping: PEFTNames.inner),
    RenamePreset(
      "xcomposer", "InternLM-XComposer saved while wrapped for LoRA; PLoRA stays as it is",
      unwrapping: PEFTNames.front),
    RenamePreset(
      "kohya-to-peft",
      "kohya's scripts to PEFT, by the names of the base; alphas go to the "
        + "configuration", needsBase: true, apply: KohyaNames.toPEFT),
    RenamePreset(
      "peft-to-kohya",
      "PEFT or diffusers to kohya's scripts, Flux in its original modules; alphas become tensors",
      apply: KohyaNames.fromPEFT),
    RenamePreset(
      "diffusers-to-peft", "one component of a diffusers pipeline, older spellings too, to PEFT",
      apply: DiffusersNames.toPEFT),
    RenamePreset(
      "peft-to-diffusers", "PEFT to diffusers; the configuration goes to the metadata",
      apply: DiffusersNames.fromPEFT),
    RenamePreset(
      "mlx-to-peft", "MLX to PEFT; the factors are transposed, the scale becomes an alpha",
      apply: MLXNames.toPEFT),
    RenamePreset(
      "transformers-4.52", "vision-language models to the layout of transformers 4.52 and later",
      VisionLanguageNames.new),
    RenamePreset(
      "transformers-4.52-inverse", "back to the layout before transformers 4.52",
      apply: VisionLanguageNames.toOld),
    RenamePreset(
      "split-qkv", "qkv_proj (Phi-3) and a ViT's qkv to q_proj, k_proj and v_proj",
      recutting: [.split(.qkv), .split(.visionQKV)]),
    RenamePreset("fuse-qkv", "q_proj, k_proj and v_proj to qkv_proj", recutting: [.fuse(.qkv)]),
    RenamePreset(
      "split-wqkv", "wqkv of InternLM2, whose heads are interleaved, to q_proj, k_proj, v_proj",
      recutting: [.split(.wqkv)]),
    RenamePreset(
      "fuse-wqkv", "q_proj, k_proj and v_proj to wqkv of InternLM2", recutting: [.fuse(.wqkv)]),
    RenamePreset(
      "split-query-key-value",
      "query_key_value of GPT-NeoX, BLOOM and Falcon to q_proj, k_proj, v_proj",
      recutting: [.split(.queryKeyValue)]),
    RenamePreset(
      "fuse-query-key-value", "q_proj, k_proj and v_proj to query_key_value",
      recutting: [.fuse(.queryKeyValue)]),
    RenamePreset(
      "split-gate-up", "gate_up_proj to gate_proj and up_proj", recutting: [.split(.gateUp)]),
    RenamePreset(
      "fuse-gate-up", "gate_proj and up_proj to gate_up_proj", recutting: [.fuse(.gateUp)]),
    RenamePreset(
      "internlm2-to-llama", "InternLM2, alone or in InternVL, to the names of Llama",
      recutting: [.split(.internLM2)], InternLM2Names.llama),
    RenamePreset(
      "llama-to-internlm2", "Llama's names, alone or in InternVL, to those of InternLM2",
      recutting: [.fuse(.internLM2)], InternLM2Names.own),
    RenamePreset(
      "meta-to-hf",
      "Llama and Mistral in Meta's names to those of transformers; rows of q and k change places",
      recutting: MetaNames.steps.map(ProjectionDirection.split), MetaNames.transformers,
      prepare: MetaNames.preparation(of: MetaNames.steps.map(\.fused), below: "layers")),
    RenamePreset(
      "hf-to-meta", "back to Meta's names and order of rows",
      recutting: MetaNames.steps.map(ProjectionDirection.fuse), MetaNames.own,
      prepare: MetaNames.preparation(of: MetaNames.steps.flatMap(\.parts), below: "model.layers")),
    RenamePreset(
      "tensorflow-bert", "LayerNorm.gamma and LayerNorm.beta to LayerNorm.weight and .bias",
      BERTNames.layerNorms),
    RenamePreset(
      "internvl-to-hf", "InternVL's own names to those of transformers' InternVL",
      apply: InternVLNames.toTransformers),
    RenamePreset(
      "hf-to-internvl", "back; llama-to-internlm2 after it gives InternLM2's names",
      apply: InternVLNames.fromTransformers),
  ]
}

/// BERT and its like as the first scripts took them from TensorFlow.
enum BERTNames {
  static let layerNorms = [
    RenameRule(checked: #"LayerNorm\.gamma$"#, "LayerNorm.weight"),
    RenameRule(checked: #"LayerNorm\.beta$"#, "LayerNorm.bias"),
  ]
}

enum LLaVANames {
  /// What LLaVA's own loader does; there the second step is taken for all keys as
  /// soon as one needs it, which is what stripping the whole prefix comes to.
  static let trainables = [
    RenameRule(checked: #"^base_model\.model\."#, ""),
    RenameRule(checked: #"^model\.model\."#, "model."),
  ]

  static let transformers = [
    RenameRule(checked: #"^model\.vision_tower\.vision_tower\."#, "vision_tower."),
    RenameRule(
      checked: #"^model\.mm_projector\.0\."#, "multi_modal_projector.linear_1."),
    RenameRule(
      checked: #"^model\.mm_projector\.2\."#, "multi_modal_projector.linear_2."),
    RenameRule(checked: #"^model\.image_newline$"#, "image_newline"),
    RenameRule(checked: #"^(model|lm_head)\."#, #"language_model.\1."#),
  ]
}

/// Vision-language models before and after transformers 4.52, also as the targets
/// of a PEFT adapter.
enum VisionLanguageNames {
  private static let peft = KeyMap.optionalBeginning
  private static let parts =
    "vision_tower|vision_model|multi_modal_projector|image_newline|image_tower|video_tower"

  static let new = [
    RenameRule(checked: peft + #"visual\."#, #"\1model.visual."#),
    RenameRule(checked: peft + #"(?:language_model|text_model)\.lm_head\."#, #"\1lm_head."#),
    RenameRule(checked: peft + #"(language_model|text_model)\.model\."#, #"\1model.\2."#),
    RenameRule(checked: peft + "(\(parts)|vqmodel)(?=\\.|$)", #"\1model.\2"#),
    RenameRule(
      checked: peft + #"model\.(?=(?:layers|embed_tokens|norm|rotary_emb)\.)"#,
      #"\1model.language_model."#),
  ]

  /// Models whose vision part was called `visual`: the language model was `model`.
  private static let oldVisual = [
    RenameRule(checked: peft + #"model\.visual\."#, #"\1visual."#),
    RenameRule(checked: peft + #"model\.language_model\."#, #"\1model."#),
  ]
  /// All others: everything lay at the top, the language model with its head.
  private static let oldTowers = [
    RenameRule(checked: peft + #"model\.(language_model|text_model)\."#, #"\1\2.model."#),
    RenameRule(checked: peft + "model\\.(\(parts)|vqmodel)(?=\\.|$)", #"\1\2"#),
  ]

  /// The old layout was one of two; the names of the vision part tell which.
  static let toOld: @Sendable (inout RenamingDraft, KeyList?) throws(CheckpointError) -> Void = {
    (draft, base) throws(CheckpointError) in
    let names = draft.names + (base?.names ?? [])
    let segments = names.map { Set($0.dottedSegments) }
    let head = segments.contains { $0.contains("text_model") } ? "text_model" : "language_model"
    let rules: [RenameRule]
    if segments.contains(where: { $0.contains("visual") }) {
      rules = oldVisual
    } else if segments.contains(where: {
      !$0.isDisjoint(with: parts.split(separator: "|") + ["vqmodel"])
    }) {
      rules = oldTowers + [RenameRule(checked: peft + #"lm_head\."#, "\\1\(head).lm_head.")]
    } else {
      throw CheckpointError(
        path: draft.path,
        "no key is of a vision part, and there were two old layouts: model.layers and "
          + "language_model.model.layers",
        fix: "give the base with --to-match")
    }
    try draft.apply(KeyMap(rules), as: .preset("transformers-4.52-inverse"))
  }
}
