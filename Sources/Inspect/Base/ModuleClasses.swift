/// Which modules of a model are of transformers' class Conv1D, which holds its weight as
/// `[in, out]`; all others hold it as `[out, in]`.
struct ModuleClasses {
  /// The models that have such modules, by `model_type`; names of modules say nothing by
  /// themselves, as GPT-BigCode has Linear ones of the same names.
  private static let models: Set = [
    "gpt2", "openai-gpt", "imagegpt", "decision_transformer", "clvp", "clvp_decoder",
  ]
  private static let names: Set<Substring> = ["c_attn", "q_attn", "c_proj", "c_fc"]

  /// Whether one of the model's parts is in the table; nil where its classes are unknown.
  private let hasConv1D: Bool?

  /// The classes of a model of this configuration; code of its own may hold anything.
  init(_ configuration: ModelConfiguration?) {
    guard let configuration, configuration.codeFiles.isEmpty, configuration.modelType != nil
    else {
      hasConv1D = nil
      return
    }
    hasConv1D = !Self.models.isDisjoint(with: configuration.modelTypes)
  }

  /// Whether the module of this last segment is of the class; nil where nothing tells.
  func isConv1D(_ name: Substring) -> Bool? { hasConv1D.map { $0 && Self.names.contains(name) } }

  /// Whether a model of unknown classes may have it as a Conv1D.
  static func mayBeConv1D(_ name: Substring) -> Bool { names.contains(name) }
}
