import Formats

/// The methods of PEFT whose adapters are not merged, and why: one table for `check` and
/// `merge`.
enum UnmergeableMethod {
  /// `peft_type` in lower case of the methods that are merged; `dora` is MLX's.
  private static let merged: Set<String> = [
    "lora", "dora", "adalora", "loha", "lokr", "ia3", "vera", "oft", "boft", "trainable_tokens",
  ]
  /// Methods that train what a model reads instead of what it computes with.
  private static let prompts: Set<String> = [
    "prompt_tuning", "multitask_prompt_tuning", "p_tuning", "prefix_tuning", "cpt", "cartridge",
    "adaption_prompt",
  ]
  /// Methods that choose between adapters while the model runs.
  private static let mixtures: Set<String> = ["xlora", "poly"]

  /// Whether the method has leaves of its own in the table, and fields that are known.
  static func isMerged(_ family: String) -> Bool { merged.contains(family) }

  /// Whether the adapter's tensors belong to no module of the base.
  static func isPrompt(_ family: String?) -> Bool { family.map(prompts.contains) ?? false }

  /// The refusal of a method; nil for one that is merged.
  static func finding(_ configuration: AdapterConfiguration?) -> Finding? {
    guard let configuration, !merged.contains(configuration.family) else { return nil }
    let name = configuration.json["peft_type"]?.string ?? configuration.family
    return Finding(
      .error, .unmergeable,
      "the adapter is of the kind \(name.printable), \(reason(configuration.family))")
  }

  private static func reason(_ family: String) -> String {
    if prompts.contains(family) {
      return "which trains vectors that the model reads before its input and changes no weight of "
        + "the base: there is nothing to merge, and PEFT has to load it beside the base"
    }
    if mixtures.contains(family) {
      return "which mixes adapters by the input, so that no single weight does what it does"
    }
    return "whose changes of the weights tenon does not compute: merging is not supported"
  }
}
