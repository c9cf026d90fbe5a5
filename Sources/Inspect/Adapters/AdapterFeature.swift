import Formats

/// What an adapter's configuration can ask for beyond plain factors, and what
/// changes the result of a merge. The raw values are the configuration's fields.
public enum AdapterFeature: String, Sendable, Hashable, CaseIterable {
  case dora = "use_dora"
  case loraBias = "lora_bias"
  case bias
  case modulesToSave = "modules_to_save"
  case targetParameters = "target_parameters"
  case trainableTokens = "trainable_token_indices"
  case layerReplication = "layer_replication"
  case mutatedBase = "init_lora_weights"
  case activatedLoRA = "alora_invocation_tokens"
  case qalora = "use_qalora"
  case blockDiagonal = "use_bdlora"
  case arrow = "arrow_config"
  case kasa = "kasa_config"
  case monteclora = "monteclora_config"
  case weightTying = "ensure_weight_tying"
  case megatron = "megatron_config"

  /// What it does, as the second half of a sentence that names the field.
  public var explanation: String {
    Self.rows.first { $0.feature == self }?.explanation ?? rawValue
  }

  /// Why an adapter with it is not merged, as the second half of a sentence about it;
  /// nil where it is.
  public var obstacle: String? {
    switch self {
    case .dora, .loraBias, .bias, .modulesToSave, .trainableTokens, .targetParameters,
      .layerReplication, .weightTying:
      nil
    case .activatedLoRA, .qalora, .arrow: "so that no single weight does what it does"
    case .mutatedBase: "so that it fits only that changed base, which no file here is known to be"
    case .blockDiagonal, .kasa, .monteclora, .megatron:
      "which is not supported yet"
    }
  }

  /// The features that a configuration turns on.
  static func active(in configuration: JSONValue) -> [AdapterFeature] {
    rows.filter { row in
      configuration[row.feature.rawValue].map { row.isOn($0) } ?? false
    }.map(\.feature)
  }

  private struct Row {
    let feature: AdapterFeature
    let isOn: @Sendable (JSONValue) -> Bool
    let explanation: String
  }

  private static let rows = [
    Row(
      feature: .dora, isOn: isTrue, explanation: "scales each output by a learned magnitude (DoRA)"),
    Row(feature: .loraBias, isOn: isTrue, explanation: "adds a learned bias to each output"),
    Row(
      feature: .bias, isOn: { $0.string.map { $0 != "none" } ?? isTrue($0) },
      explanation: "replaces biases of the base"),
    Row(feature: .modulesToSave, isOn: isFilled, explanation: "replaces whole modules of the base"),
    Row(
      feature: .targetParameters, isOn: isFilled,
      explanation: "adapts parameters that hold several matrices, such as fused experts"),
    Row(
      feature: .trainableTokens, isOn: isFilled, explanation: "replaces rows of the embedding"),
    Row(
      feature: .layerReplication, isOn: isFilled,
      explanation: "builds a deeper model from repeated layers"),
    Row(
      feature: .mutatedBase, isOn: changesBase,
      explanation: "changed the weights of the base when training began"),
    Row(
      feature: .activatedLoRA, isOn: isFilled,
      explanation: "acts only after certain tokens (aLoRA)"),
    Row(
      feature: .qalora, isOn: isTrue, explanation: "pools the input in groups (QALoRA)"),
    Row(feature: .blockDiagonal, isOn: isOn, explanation: "has block-diagonal factors (BD-LoRA)"),
    Row(feature: .arrow, isOn: isOn, explanation: "routes between adapters by the input (Arrow)"),
    Row(feature: .kasa, isOn: isOn, explanation: "scales singular values (KaSA)"),
    Row(feature: .monteclora, isOn: isOn, explanation: "samples its weights (MonteCLoRA)"),
    Row(
      feature: .weightTying, isOn: isTrue,
      explanation: "ties the adapters of the embedding and the output"),
    Row(feature: .megatron, isOn: isFilled, explanation: "splits layers over devices (Megatron)"),
  ]

  /// What Python takes for true, which is how PEFT asks.
  private static let isTrue: @Sendable (JSONValue) -> Bool = { value in
    switch value {
    case .null: false
    case .bool(let flag): flag
    case .number: value.double != 0
    case .string(let text): !text.isEmpty
    case .array(let elements): !elements.isEmpty
    case .object(let members): !members.isEmpty
    }
  }

  /// A list or an object with something in it.
  private static let isFilled: @Sendable (JSONValue) -> Bool = { value in
    value.array.map { !$0.isEmpty } ?? value.object.map { !$0.isEmpty } ?? (value.bool != false)
  }

  /// Anything but `null` and `false`: an empty configuration object turns it on.
  private static let isOn: @Sendable (JSONValue) -> Bool = { $0.bool != false }

  /// The ways to start that subtract something from the base; `pissa_niter_16` and
  /// its like included.
  private static let changesBase: @Sendable (JSONValue) -> Bool = { value in
    guard let name = value.string else { return false }
    return name.hasPrefix("pissa")
      || ["olora", "corda", "loftq", "lora_ga", "lora-ga"].contains(name)
  }
}
