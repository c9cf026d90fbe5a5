import Compute
import Formats
import OrderedCollections
import TestSupport
import Testing

@testable import Inspect

@Suite struct RenamingPresetTests {
  private func draft(_ names: [String]) -> RenamingDraft {
    RenamingDraft(KeyList(path: "m", names.map { KeyList.Entry($0) }))
  }

  private func apply(_ preset: String, to names: [String], base: KeyList? = nil) throws -> [String]
  {
    var draft = draft(names)
    try draft.apply(try RenamePreset(named: preset), base: base)
    return draft.names
  }

  struct Case: CustomTestStringConvertible {
    let preset: String
    let old: String
    let new: String
    var testDescription: String { "\(preset): \(old)" }

    init(_ preset: String, _ old: String, _ new: String) {
      self.preset = preset
      self.old = old
      self.new = new
    }
  }

  static let cases = [
    Case("strip-wrappers", "module.a.weight", "a.weight"),
    Case("strip-wrappers", "_orig_mod.module.a.weight", "a.weight"),
    Case("strip-wrappers", "a._fsdp_wrapped_module.b._orig_mod.weight", "a.b.weight"),
    Case("strip-wrappers", "a._checkpoint_wrapped_module.b", "a.b"),
    Case(
      "strip-wrappers", "base_model.model.base_model.model.a.lora_A.weight",
      "base_model.model.a.lora_A.weight"),
    // A module may be called so, further in.
    Case("strip-wrappers", "_orig_mod.a.module.weight", "a.module.weight"),
    Case("strip-peft", "base_model.model.a.base_layer.weight", "a.weight"),
    Case("strip-peft", "base_model.model.a.lora_A.default.weight", "a.lora_A.weight"),
    Case("strip-peft", "base_model.model.a.lora_A.weight", "a.lora_A.weight"),
    Case("strip-peft", "base_model.model.e.lora_embedding_A.default", "e.lora_embedding_A"),
    Case("strip-peft", "base_model.model.e.lora_embedding_B", "e.lora_embedding_B"),
    Case(
      "strip-peft", "base_model.model.a.lora_magnitude_vector.default.weight",
      "a.lora_magnitude_vector"),
    Case("strip-peft", "base_model.model.h.modules_to_save.default.weight", "h.weight"),
    Case("strip-peft", "base_model.model.h.original_module.weight", "h.weight"),
    Case("strip-peft", "base_model.model.a.lora_A.über.weight", "a.lora_A.weight"),
    Case("strip-peft", "policy.base_model.model.a.lora_A.weight", "a.lora_A.weight"),
    Case("strip-peft", "actor.module.base_model.model.a.lora_A.weight", "a.lora_A.weight"),
    Case(
      "strip-wrappers", "module.pretrained_model.base_model.model.a.weight",
      "base_model.model.a.weight"),
    Case(
      "llava", "base_model.model.model.mm_projector.0.weight", "model.mm_projector.0.weight"),
    Case("llava", "base_model.model.lm_head.weight", "lm_head.weight"),
    Case("llava", "model.model.mm_projector.2.bias", "model.mm_projector.2.bias"),
    Case(
      "internvl", "language_model.base_model.model.model.layers.0.attention.wqkv.base_layer.weight",
      "language_model.model.layers.0.attention.wqkv.weight"),
    Case(
      "internvl", "vision_model.base_model.model.encoder.layers.3.mlp.fc1.lora_A.default.weight",
      "vision_model.encoder.layers.3.mlp.fc1.lora_A.weight"),
    Case(
      "internvl", "language_model.base_model.model.base_model.model.output.weight",
      "language_model.output.weight"),
    Case("xcomposer", "base_model.model.plora_glb_GN", "plora_glb_GN"),
    Case(
      "xcomposer", "base_model.model.model.layers.0.attention.wqkv.base_layer.Plora_B.weight",
      "model.layers.0.attention.wqkv.Plora_B.weight"),
    Case(
      "xcomposer", "base_model.model.model.layers.0.attention.wqkv.lora_B.default.weight",
      "model.layers.0.attention.wqkv.lora_B.weight"),
    Case(
      "transformers-4.52", "base_model.model.model.layers.0.mlp.up_proj.lora_A.weight",
      "base_model.model.model.language_model.layers.0.mlp.up_proj.lora_A.weight"),
    Case("transformers-4.52", "image_newline", "model.image_newline"),
    Case(
      "diffusers-to-peft", "unet.mid_block.attentions.0.processor.to_q_lora.down.weight",
      "base_model.model.mid_block.attentions.0.to_q.lora_A.weight"),
  ]

  @Test(arguments: cases)
  func `undoes what programs put into names`(_ row: Case) throws {
    guard row.preset != "diffusers-to-peft" else { return }
    #expect(try apply(row.preset, to: [row.old]) == [row.new])
  }

  @Test(arguments: ["strip-peft", "xcomposer", "internvl"])
  func `leaves out the untrained copies of trained modules`(preset: String) throws {
    var draft = draft([
      "base_model.model.h.original_module.weight", "base_model.model.h.original_module.bias",
      "base_model.model.h.modules_to_save.mine.weight", "base_model.model.a.original_module.weight",
    ])
    try draft.apply(try RenamePreset(named: preset), base: nil)
    #expect(draft.names == ["h.bias", "h.weight", "a.weight"])
    #expect(draft.dropped.map(\.name) == ["base_model.model.h.original_module.weight"])
    #expect(draft.dropped.map(\.reason) == ["the trained module stands in modules_to_save"])
  }

  @Test func `undoes older spellings of diffusers on the way to kohya`() throws {
    var draft = try RenamingDraft(
      Checkpoint(
        path: "m", format: .safetensors,
        records: [("down", [2, 8]), ("up", [8, 2])].map { word, shape in
          tensor("unet.mid_block.attentions.0.processor.to_q_lora.\(word).weight", shape)
        }))
    try draft.apply(try RenamePreset(named: "peft-to-kohya"), base: nil)
    #expect(
      draft.names
        == ["lora_down.weight", "lora_up.weight", "alpha"].map {
          "lora_unet_mid_block_attentions_0_to_q.\($0)"
        })
  }

  /// A PEFT adapter with factors for one module.
  private func adapter(_ module: String, lead: String = "base_model.model.") throws -> RenamingDraft
  {
    var draft = try RenamingDraft(
      Checkpoint(
        path: "m", format: .safetensors,
        records: [("A", [2, 8]), ("B", [8, 2])].map {
          tensor("\(lead)\(module).lora_\($0.0).weight", $0.1)
        }))
    let text = #"{"peft_type": "LORA", "r": 2, "lora_alpha": 6, "rank_pattern": {"^x.q": 2}}"#
    draft.configuration = try JSONValue(parsing: Array(text.utf8))
    return draft
  }

  @Test(arguments: ["", "text_model."])
  func `a text encoder has kohya's names whatever transformers calls it`(start: String) throws {
    let module = "encoder.layers.0.self_attn.q_proj"
    var draft = try adapter("\(start)\(module)")
    try draft.apply(try RenamePreset(named: "peft-to-kohya"), base: nil)
    #expect(
      Set(draft.names.map(KohyaNames.stem)) == [
        "lora_te_text_model_encoder_layers_0_self_attn_q_proj"
      ])
  }

  @Test(arguments: ["peft-to-kohya", "peft-to-diffusers"])
  func `an adapter that shows no part is given one by hand`(preset: String) throws {
    var draft = try adapter("x.q")
    let error = #expect(throws: CheckpointError.self) {
      try draft.apply(try RenamePreset(named: preset), base: nil)
    }
    #expect(error?.details == ["the modules are:", "  x.q"])
    #expect(
      error?.fix
        == #"tenon remap m -o m-renamed --rename '^base_model\.model\.=PART.' && tenon remap "#
        + "m-renamed -o OUT --preset \(preset), with unet, transformer or text_encoder for PART")
    try draft.apply(
      KeyMap([RenameRule(argument: #"^base_model\.model\.=transformer."#)]), as: .rule)
    try draft.apply(try RenamePreset(named: preset), base: nil)
    if preset == "peft-to-kohya" {
      #expect(
        draft.names
          == ["lora_down.weight", "lora_up.weight", "alpha"].map { "lora_unet_x_q.\($0)" })
    } else {
      #expect(draft.names == ["A", "B"].map { "transformer.x.q.lora_\($0).weight" })
      let packed = try PackedConfigurations(
        draft.metadata[PackedConfigurations.key], path: "m")["transformer"]
      #expect(packed?["lora_alpha"]?.int == 6)
      #expect(packed?["rank_pattern"]?[#"^x\.q"#]?.int == 2)
    }
  }

  @Test func `the part of a pipeline is kept where the names do not tell it`() throws {
    let names = ["A", "B"].map { "transformer.blocks.0.attn1.to_q.lora_\($0).weight" }
    let records = [tensor(names[0], [4, 16], .f32), tensor(names[1], [8, 4], .f32)]
    var draft = try RenamingDraft(
      Checkpoint(path: "m", format: .safetensors, records: records))
    try draft.apply(try RenamePreset(named: "diffusers-to-peft"), base: nil)
    #expect(draft.metadata[DiffusersNames.partKey] == "transformer")
    try draft.apply(try RenamePreset(named: "peft-to-diffusers"), base: nil)
    #expect(draft.names == names)
    #expect(draft.metadata[DiffusersNames.partKey] == nil)
  }

  @Test func `every preset has its own name and one line`() {
    let names = RenamePreset.table.map(\.name)
    #expect(Set(names).count == names.count)
    for preset in RenamePreset.table {
      #expect(!preset.summary.contains("\n") && preset.summary.count < 90, "\(preset.name)")
    }
    let error = #expect(throws: CheckpointError.self) { try RenamePreset(named: "x") }
    #expect(error?.fix == "tenon remap --list-presets")
  }

  static let layouts = [
    ("qwen2-vl-old", "transformers-4.52", "qwen2-vl-new"),
    ("qwen2-vl-new", "transformers-4.52-inverse", "qwen2-vl-old"),
    ("llava-1.5-old", "transformers-4.52", "llava-1.5-new"),
    ("llava-1.5-new", "transformers-4.52-inverse", "llava-1.5-old"),
    ("llava-1.5-original", "llava-to-hf", "llava-1.5-old"),
  ]

  @Test(arguments: layouts)
  func `moves whole models between layouts`(from: String, preset: String, to: String) throws {
    let names = try apply(preset, to: try KeyFixture.list(from).names)
    #expect(Set(names) == Set(try KeyFixture.list(to).names))
  }

  /// A preset, the model_type of the model, and whether that is another's.
  static let models = [
    ("transformers-4.52", "clip", true), ("transformers-4.52", "qwen2_vl", false),
    ("transformers-4.52-inverse", "blip-2", true), ("transformers-4.52-inverse", "llava", false),
    ("llava-to-hf", "qwen3", true), ("llava-to-hf", "llava_llama", false),
    ("internvl-to-hf", "clip", true), ("internvl-to-hf", "internvl_chat", false),
    ("strip-peft", "qwen3", false),
  ]

  @Test(arguments: models)
  func `tells that a preset is for other models`(name: String, type: String, isOther: Bool) throws {
    let directory = TemporaryDirectory()
    var draft = draft(["a"])
    draft.modelConfigurations = [
      try directory.write(#"{"model_type": "\#(type)"}"#, to: "config.json")
    ]
    draft.noteModel(against: try RenamePreset(named: name))
    #expect(
      draft.findings.map { "\($0.severity.rawValue): \($0.message)" }
        == (isOther
          ? [
            "warning: config.json says model_type \"\(type)\", and the preset \"\(name)\" is for "
              + "other models: the class of this one does not look for the names that it makes"
          ] : []))
  }

  @Test func `does not guess which of two old layouts it was`() throws {
    let names = ["base_model.model.model.language_model.layers.0.mlp.up_proj.lora_A.weight"]
    let error = #expect(throws: CheckpointError.self) {
      try apply("transformers-4.52-inverse", to: names)
    }
    #expect(error?.fix == "give the base with --to-match")
    let base = try KeyFixture.list("qwen2-vl-old")
    #expect(
      try apply("transformers-4.52-inverse", to: names, base: base)
        == ["base_model.model.model.layers.0.mlp.up_proj.lora_A.weight"])
  }

  @Test func `refuses rules without effect`() throws {
    var draft = draft(["a.b"])
    let typed = #expect(throws: CheckpointError.self) {
      try draft.apply(KeyMap([RenameRule(argument: "x=y")]), as: .rule)
    }
    #expect(typed?.description == #"m: the rule "x=y" matches none of the 1 names"#)
    let preset = #expect(throws: CheckpointError.self) {
      try draft.apply(try RenamePreset(named: "strip-peft"), base: nil)
    }
    #expect(
      preset?.description == #"m: no rule of the preset "strip-peft" matches any of the 1 names"#)
  }
}
