import Formats

/// The models that presets are for, where those of others have names that they change as well.
extension RenamePreset {
  /// Whether the preset is for a model of this `model_type`.
  func suits(_ modelType: String) -> Bool {
    switch name {
    case "transformers-4.52", "transformers-4.52-inverse": Self.relaid.contains(modelType)
    case "llava-to-hf": modelType.hasPrefix("llava")
    case "internvl-to-hf", "hf-to-internvl":
      modelType.hasPrefix("internvl") || modelType.hasPrefix("intern_vit")
    default: true
    }
  }

  /// Those that transformers 4.52 gave other names; of the last, nothing is known of what PEFT
  /// does with adapters.
  private static let relaid = OldLayout.known.union([
    "colpali", "colqwen2", "emu3", "glm4v", "glm4v_moe", "perception_lm", "shieldgemma2",
  ])
}

extension RenamingDraft {
  /// Tells where the configuration of the model names one that the preset is not for.
  public mutating func noteModel(against preset: RenamePreset) {
    let types = modelConfigurations.compactMap { path in
      (try? InputFile.json(at: path))?["model_type"]?.string
    }
    guard let type = types.first, !types.contains(where: preset.suits) else { return }
    findings.append(
      Finding(
        .warning, .configMismatch,
        "config.json says model_type \(type.quoted), and the preset \(preset.name.quoted) is for "
          + "other models: the class of this one does not look for the names that it makes"))
  }
}
