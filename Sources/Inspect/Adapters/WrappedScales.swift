import Formats

/// Where the scales of a wrapped checkpoint are written down.
struct WrappedScales {
  let configuration: AdapterConfiguration?
  /// The one that the user gives for modules whose own no file says.
  private let alpha: Double?
  private let json: JSONValue?

  /// The fields in which InternVL keeps the ranks of its parts; alpha is twice the rank.
  private static let rankFields = [
    (part: "language_model.", field: "use_llm_lora"),
    (part: "vision_model.", field: "use_backbone_lora"),
  ]
  /// The fields with which InternLM-XComposer 1 says that its LoRA has the scale 1.
  private static let unitFields = ["lora_cfg", "internlm_lora"]

  init(_ checkpoint: Checkpoint, alpha: Double?) throws(CheckpointError) {
    self.alpha = alpha
    if let file = checkpoint.sideFile(AdapterSurvey.configurationName) {
      configuration = try AdapterConfiguration(path: file.path)
    } else {
      configuration = nil
    }
    json =
      if let file = checkpoint.sideFile(ModelConfiguration.fileName) {
        try InputFile.json(at: file.path)
      } else { nil }
  }

  /// Whether the configuration names parameters that are adapted.
  var hasParameters: Bool {
    !(configuration?.json[AdapterFeature.targetParameters.rawValue]?.array ?? []).isEmpty
  }

  var switches: [(field: String, off: JSONValue?)] {
    guard let json else { return [] }
    var switches: [(field: String, off: JSONValue?)] = []
    for row in Self.rankFields where (json[row.field]?.int ?? 0) != 0 {
      switches.append((row.field, .number("0")))
    }
    for field in Self.unitFields where json[field] != nil { switches.append((field, nil)) }
    return switches
  }

  /// The adapter with the scales of the model's configuration where it has any, else with
  /// the given alpha.
  func scaled(_ adapter: Adapter) throws(CheckpointError) -> Adapter {
    var modules: [AdapterModule] = []
    for module in adapter.modules {
      let configured = try configuredAlpha(of: module, path: adapter.path)
      let missing = module.alpha == nil ? configured ?? alpha : nil
      modules.append(missing.map(module.scaled) ?? module)
    }
    return adapter.with(modules: modules)
  }

  private func configuredAlpha(of module: AdapterModule, path: String) throws(CheckpointError)
    -> Double?
  {
    guard module.alpha == nil, let json, let rank = module.rank else { return nil }
    for row in Self.rankFields where module.target.hasPrefix(row.part) {
      guard let configured = json[row.field]?.int, configured > 0 else { continue }
      guard configured == rank else {
        if alpha != nil { return nil }
        throw CheckpointError(
          path: path, tensor: module.a?.name,
          "has rank \(rank), but \(row.field) of config.json says \(configured)")
      }
      return 2 * Double(rank)
    }
    return Self.unitFields.contains { json[$0] != nil } ? Double(rank) : nil
  }
}

extension AdapterModule {
  fileprivate func scaled(by alpha: Double) -> AdapterModule {
    AdapterModule(
      target: target, kind: kind, tensors: tensors, rank: rank, alpha: alpha,
      scale: rank.map { alpha / Double($0) } ?? scale)
  }
}

extension Adapter {
  fileprivate func with(modules: [AdapterModule]) -> Adapter {
    Adapter(
      path: path, kind: kind, family: family, configuration: configuration,
      rank: AdapterScales.common(modules.map(\.rank)),
      alpha: AdapterScales.common(modules.map(\.alpha)),
      scale: AdapterScales.common(modules.map(\.scale)), modules: modules, shared: shared,
      replacements: replacements,
      frozenCopies: frozenCopies, leftovers: leftovers, names: names, wrappers: wrappers,
      findings: modules.allSatisfy { $0.alpha != nil }
        ? findings.filter { $0.code != .alphaUnknown } : findings)
  }
}
