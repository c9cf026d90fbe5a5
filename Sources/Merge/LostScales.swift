import Formats
import Inspect

/// The scales that a preset moved to the configuration, where that is not written.
enum LostScales {
  /// Throws where the factors alone would not act as the adapter did: without a
  /// configuration alpha is taken for the rank.
  static func refuse(_ draft: RenamingDraft, of input: Checkpoint) throws(CheckpointError) {
    guard draft.kind == .peftAdapter, input.sideFile(RemapPlan.configurationName) == nil,
      let configuration = draft.configuration, saysMore(configuration)
    else { return }
    throw CheckpointError(
      path: draft.path,
      "its alphas are not its ranks, and a single file has no adapter_config.json beside it to "
        + "say so",
      fix: "name a directory with -o")
  }

  /// Whether a module's scale is another than one.
  static func saysMore(_ configuration: JSONValue) -> Bool {
    let patterns = ["rank_pattern", "alpha_pattern"].map { values(configuration[$0]) }
    return configuration["r"]?.double != configuration["lora_alpha"]?.double
      || patterns[0] != patterns[1] || configuration["use_rslora"] == .bool(true)
  }

  private static func values(_ pattern: JSONValue?) -> [String: Double?] {
    Dictionary(
      (pattern?.object ?? []).map { ($0.key, $0.value.double) }, uniquingKeysWith: { $1 })
  }
}
