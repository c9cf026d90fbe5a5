public import Formats

/// Files that should lie beside an adapter and do not.
public enum SideFileChecks {
  static func findings(_ checkpoint: Checkpoint, _ adapter: Adapter, base: Checkpoint? = nil)
    -> [Finding]
  {
    var findings: [Finding] = []
    // One that cannot be read is told of as that; diffusers keeps it in the file itself.
    if checkpoint.sideFile(AdapterSurvey.configurationName) == nil, adapter.configuration == nil,
      adapter.kind == .peftAdapter || adapter.kind == .llavaAdapter
    {
      findings.append(
        Finding(
          .warning, .missingSideFile,
          "no adapter_config.json lies beside the adapter: it says the alpha, the targets and the "
            + "base"))
    }
    if let finding = llava(checkpoint, adapter, base) { findings.append(finding) }
    return findings
  }

  /// LLaVA's projector is saved apart from the adapter, and only when training ends.
  private static func llava(_ checkpoint: Checkpoint, _ adapter: Adapter, _ base: Checkpoint?)
    -> Finding?
  {
    guard adapter.kind != .llavaAdapter, checkpoint.sideFile("mm_projector.bin") == nil,
      !holdsProjector(checkpoint)
    else { return nil }
    let isSure = (try? ModelConfiguration(beside: checkpoint))?.isLlava == true
    guard isSure || isOfLlava(adapter, base) else { return nil }
    return Finding(
      isSure ? .error : .warning, .missingSideFile,
      "non_lora_trainables.bin is missing: LLaVA's trainer writes it, with the projector, only at "
        + "the end of training and not into checkpoint-N, where the states of DeepSpeed hold it; a "
        + "projector of another run does not fit")
  }

  /// Whether LLaVA's own trainer may have made the adapter, and not a trainer of the model
  /// in transformers, which needs no such file: the base tells, or else its name, the library
  /// of the class that was adapted and the paths of the modules.
  private static func isOfLlava(_ adapter: Adapter, _ base: Checkpoint?) -> Bool {
    if let configuration = base.flatMap({ try? ModelConfiguration(beside: $0) }) {
      return configuration.isLlava
    }
    let name = adapter.base?.lowercased() ?? ""
    let library = adapter.configuration?.json["auto_mapping"]?["parent_library"]?.string
    return library?.hasPrefix("transformers.") != true && name.contains("llava")
      && !name.contains("-hf")
      && !adapter.modules.contains { module in
        module.target.dottedSegments.contains(where: partsInTransformers.contains)
      }
  }

  /// What transformers calls the parts of the model, and LLaVA's own code does not.
  private static let partsInTransformers: Set<Substring> = [
    "language_model", "multi_modal_projector", "vision_tower",
  ]
}

extension SideFileChecks {
  /// That LLaVA's projector is missing beside an adapter; an error where the configuration
  /// beside it is that of such a model.
  public static func missingProjector(of adapter: Adapter, in checkpoint: Checkpoint) -> Finding? {
    llava(checkpoint, adapter, nil)
  }

  /// Whether LLaVA's projector is among the tensors.
  public static func holdsProjector(_ checkpoint: Checkpoint) -> Bool {
    checkpoint.records.contains { LlavaTrainables.isProjector($0.name) }
  }
}
