import Formats

/// Files that should lie beside an adapter and do not.
enum SideFileChecks {
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

  /// Whether LLaVA's own trainer may have made it: that adapts the language model alone, which
  /// has no name of its own in its models. Those of transformers, which often have the name
  /// `…-hf`, are trained without a file beside the adapter.
  private static func isOfTrainer(_ adapter: Adapter) -> Bool {
    let library = adapter.configuration?.json["auto_mapping"]?["parent_library"]?.string
    return library?.hasPrefix("transformers.") != true
      && adapter.base?.lowercased().contains("-hf") != true
      && !adapter.modules.contains { module in
        ["language_model", "vision_tower"].contains(where: module.target.contains)
      }
  }

  /// LLaVA's projector is saved apart from the adapter, and only when training ends.
  private static func llava(_ checkpoint: Checkpoint, _ adapter: Adapter) -> Finding? {
    guard adapter.kind != .llavaAdapter, checkpoint.sideFile("mm_projector.bin") == nil,
      !checkpoint.records.contains(where: { LlavaTrainables.isProjector($0.name) })
    else { return nil }
    let configuration = try? ModelConfiguration(beside: checkpoint)
    let isNamed = adapter.base?.lowercased().contains("llava") ?? false
    guard configuration?.isLlava == true || isNamed && isOfTrainer(adapter) else { return nil }
    return Finding(
      configuration?.isLlava == true ? .error : .warning, .missingSideFile,
      "non_lora_trainables.bin is missing: LLaVA's trainer writes it, with the projector, only at "
        + "the end of training and not into checkpoint-N, where the states of DeepSpeed hold it; a "
        + "projector of another run does not fit")
  }
}
