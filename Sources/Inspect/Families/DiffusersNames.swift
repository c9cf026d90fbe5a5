import Formats
import OrderedCollections

/// The names that diffusers gives adapters: component, path, leaf.
enum DiffusersNames {
  private static let components = "unet|transformer|transformer_2|text_encoder(?:_[23])?|prior"

  /// Spellings that diffusers wrote before it used PEFT's.
  static let historic = [
    RenameRule(checked: #"\.processor\."#, "."),
    RenameRule(checked: #"^(text_encoder(?:_[23])?\..*)\.to_([qkv])_lora\."#, #"\1.\2_proj.lora."#),
    RenameRule(checked: #"^(text_encoder(?:_[23])?\..*)\.to_out_lora\."#, #"\1.out_proj.lora."#),
    RenameRule(checked: #"\.to_([qkv])_lora\."#, #".to_\1.lora."#),
    RenameRule(checked: #"\.to_out_lora\."#, ".to_out.0.lora."),
    RenameRule(checked: #"\.lora_linear_layer\."#, ".lora."),
    RenameRule(checked: #"\.lora\.down\.weight$"#, ".lora_A.weight"),
    RenameRule(checked: #"\.lora\.up\.weight$"#, ".lora_B.weight"),
  ]

  /// The key of the metadata that keeps the part of a pipeline that the names do not tell.
  static let partKey = "diffusers_part"

  static let toPEFT: @Sendable (inout RenamingDraft, KeyList?) throws(CheckpointError) -> Void = {
    (draft, base) throws(CheckpointError) in
    let present = Set(draft.names.map { String($0.prefix { $0 != "." }) })
    let found = PipelineComponent.table.map(\.diffusers).filter(present.contains)
    guard found.count <= 1 else {
      throw CheckpointError(
        path: draft.path,
        "holds adapters for \(found.joined(separator: ", ")); a PEFT adapter is for one model",
        fix: "choose one with --include '\(found[0]).**'")
    }
    let rules =
      historic + [
        RenameRule(checked: "^(?:\(components))\\.", "base_model.model."),
        RenameRule(checked: #"^(?!base_model\.)"#, "base_model.model."),
      ]
    try draft.apply(KeyMap(rules), as: .preset("diffusers-to-peft"))
    let packed = try PackedConfigurations(
      draft.metadata[PackedConfigurations.key], path: draft.path)
    try draft.configure(
      base: base,
      from: found.first.flatMap { component in packed[component] } ?? packed.whole, alphas: [:])
    draft.metadata.removeValue(forKey: PackedConfigurations.key)
    if let part = found.first, draft.shownComponent == nil { draft.metadata[partKey] = part }
    draft.kind = .peftAdapter
  }

  static let fromPEFT: @Sendable (inout RenamingDraft, KeyList?) throws(CheckpointError) -> Void = {
    (draft, _) throws(CheckpointError) in
    var component = try draft.takePart()
    guard draft.names.contains(where: { $0.hasPrefix("base_model.model.") }) else {
      throw CheckpointError(
        path: draft.path,
        "none of its \(draft.names.count) names begins with base_model.model., as PEFT's do",
        fix: draft.names.contains { AdapterKey.hasHistoricLeaf($0) }
          ? "add --preset diffusers-to-peft before it" : nil)
    }
    if component == nil { component = try draft.component(for: "peft-to-diffusers") }
    let part = component?.diffusers ?? ""
    // Patterns are held against the paths within the part.
    let configuration = draft.configuration
    try draft.apply(
      KeyMap([RenameRule.prefix("base_model.model", to: part)]), as: .preset("peft-to-diffusers"))
    if let configuration = configuration?.object {
      let packed = configuration.map { JSONMember("\(part).\($0.key)", $0.value) }
      var writer = JSONWriter(isIndented: true)
      writer.value(.object(packed.sorted { $0.key < $1.key }))
      draft.metadata[PackedConfigurations.key] = String(decoding: writer.bytes, as: UTF8.self)
      if draft.metadata["format"] == nil { draft.metadata["format"] = "pt" }
    }
    draft.configuration = nil
    draft.metadata.removeValue(forKey: partKey)
    draft.kind = .diffusersAdapter
  }
}

extension RenamingDraft {
  /// The component that the paths of an adapter in PEFT's names show by themselves.
  var shownComponent: PipelineComponent? {
    PipelineComponent.shown(by: names.map { AdapterKey(peft: $0).target })
  }

  /// The component that the paths of a PEFT adapter show; `preset` is what asks for it.
  func component(for preset: String) throws(CheckpointError) -> PipelineComponent {
    let paths = names.map { AdapterKey(peft: $0).target }
    let kept = metadata[DiffusersNames.partKey]
    guard
      let component = shownComponent
        ?? PipelineComponent.table.first(where: { $0.diffusers == kept })
    else {
      let named = FixCommands.renamed(path)
      let renaming = FixCommands.rename(path, [#"^base_model\.model\.=PART."#])
      throw CheckpointError(
        path: path,
        "its names do not tell which part of a pipeline it is for: a UNet, a diffusion "
          + "transformer or a text encoder",
        details: ["the modules are:"]
          + FoldedKeys.lines(KohyaNames.unique(paths)).map { "  \($0)" },
        fix:
          "\(renaming) && tenon remap \(shellQuoted(named)) -o OUT --preset \(preset), with unet, "
          + "transformer or text_encoder for PART")
    }
    return component
  }

  /// Puts PEFT's beginning in the place of a part's name, where all keys of an adapter that
  /// has PEFT's configuration have the same, and says which it was.
  mutating func takePart() throws(CheckpointError) -> PipelineComponent? {
    guard configuration != nil,
      let part = PipelineComponent.table.first(where: { part in
        names.allSatisfy { $0.hasPrefix("\(part.diffusers).") }
      })
    else { return nil }
    try apply(
      KeyMap([RenameRule.prefix(part.diffusers, to: "base_model.model")]),
      as: .preset("peft-to-diffusers"))
    return part
  }
}
