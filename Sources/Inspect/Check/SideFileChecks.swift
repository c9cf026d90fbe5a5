public import Formats

/// Files that should lie beside an adapter and do not.
public enum SideFileChecks {
  static func findings(_ checkpoint: Checkpoint, _ adapter: Adapter) -> [Finding] {
    var findings: [Finding] = []
    // One that cannot be read is told of as that.
    if checkpoint.sideFile(AdapterSurvey.configurationName) == nil,
      adapter.kind == .peftAdapter || adapter.kind == .llavaAdapter
    {
      findings.append(
        Finding(
          .warning, .missingSideFile,
          "no adapter_config.json lies beside the adapter: it says the alpha, the targets and the "
            + "base"))
    }
    if let finding = llava(checkpoint, adapter) { findings.append(finding) }
    return findings
  }

  /// LLaVA's projector is saved apart from the adapter, and only when training ends.
  private static func llava(_ checkpoint: Checkpoint, _ adapter: Adapter) -> Finding? {
    guard adapter.kind != .llavaAdapter, checkpoint.sideFile("mm_projector.bin") == nil,
      !checkpoint.records.contains(where: { LlavaTrainables.isProjector($0.name) })
    else { return nil }
    let configuration = try? ModelConfiguration(beside: checkpoint)
    let base = adapter.base?.lowercased() ?? ""
    // The models of transformers (`llava-hf/…`) are trained without that file.
    let isNamed = base.contains("llava") && !base.contains("llava-hf") && !base.contains("-hf")
    guard configuration?.isLlava == true || isNamed else { return nil }
    return Finding(
      configuration?.isLlava == true ? .error : .warning, .missingSideFile,
      "non_lora_trainables.bin is missing: LLaVA's trainer writes it, with the projector, only at "
        + "the end of training and not into checkpoint-N, where the states of DeepSpeed hold it; a "
        + "projector of another run does not fit")
  }
}

extension SideFileChecks {
  /// That LLaVA's projector is missing beside an adapter; an error where the configuration
  /// beside it is that of such a model.
  public static func missingProjector(of adapter: Adapter, in checkpoint: Checkpoint) -> Finding? {
    llava(checkpoint, adapter)
  }

  /// Whether LLaVA's projector is among the tensors.
  public static func holdsProjector(_ checkpoint: Checkpoint) -> Bool {
    checkpoint.records.contains { LlavaTrainables.isProjector($0.name) }
  }
}
