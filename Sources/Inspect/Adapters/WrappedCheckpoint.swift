public import Formats

/// A checkpoint that holds a base and the adapters around it, taken apart.
///
/// InternVL, InternLM-XComposer 1 and trainers that save a model with a PEFT model
/// inside write such files: `base_layer.weight` beside `lora_A.default.weight`.
public struct WrappedCheckpoint: Sendable {
  /// The tensors of the base under the names of the plain model.
  public let base: Checkpoint
  /// The adapters, the innermost first: training on top of an unmerged adapter nests
  /// them.
  public let adapters: [Adapter]
  /// The fields of the configuration that switch LoRA on, with what switches it off;
  /// nil where the field has to go.
  public let switches: [(field: String, off: JSONValue?)]

  /// Takes `checkpoint` apart. `alpha` is the one that the user gives for modules whose
  /// own no file says. Throws where a name of the base is not unique any more, or a
  /// configured rank is not that of the tensors.
  public init(_ checkpoint: Checkpoint, alpha: Double? = nil) throws(CheckpointError) {
    guard AdapterFamily.recognised(AdapterSurvey(checkpoint))?.kind == .wrappedCheckpoint else {
      throw CheckpointError(
        path: checkpoint.path,
        "does not hold a base and an adapter in one; expected both, or a base and an adapter",
        fix: "tenon inspect \(shellQuoted(checkpoint.path))")
    }
    let scales = try WrappedScales(checkpoint, alpha: alpha)
    var parts = WrappedParts()
    for record in checkpoint.records { parts.add(record) }
    base = try parts.base(of: checkpoint)
    adapters = try parts.adapters(of: checkpoint, scales: scales)
    switches = scales.switches
  }
}

/// The tensors of a wrapped checkpoint by what they belong to.
private struct WrappedParts {
  /// By the number of `base_layer` around the pair: how deep it lies.
  private var factors: [Int: [TensorRecord]] = [:]
  private var plain: [(target: String, record: TensorRecord)] = []
  private var saved: Set<String> = []
  private var frozen: [(target: String, record: TensorRecord)] = []

  mutating func add(_ record: TensorRecord) {
    let key = Self.key(record.name)
    switch key.content {
    case .leaf, .plain(.tokenRows):
      factors[Self.depth(of: record.name), default: []].append(record)
    case .frozenCopy: frozen.append((key.target, record))
    case .plain:
      if key.adapterName != nil { saved.insert(key.target) }
      plain.append((key.target, record))
    }
  }

  /// The key without any of the prefixes that wrapping a model puts before its part.
  static func key(_ name: String) -> AdapterKey {
    var segments = name.dottedSegments
    var index = 0
    while index + 2 < segments.count {
      if segments[index] == "base_model", segments[index + 1] == "model" {
        segments.removeSubrange(index...index + 1)
      } else {
        index += 1
      }
    }
    return AdapterKey(peft: segments.joined(separator: "."))
  }

  private static func depth(of name: String) -> Int {
    name.dottedSegments.count { $0 == "base_layer" }
  }

  func base(of checkpoint: Checkpoint) throws(CheckpointError) -> Checkpoint {
    var names: [ExactName: String] = [:]
    // The copy that was trained counts, not the one that it began with.
    let kept = plain + frozen.filter { !saved.contains($0.target) }
    for entry in kept { names[ExactName(entry.record.name)] = entry.target }
    var origins: [ExactName: String] = [:]
    for entry in kept {
      if let other = origins.updateValue(entry.record.name, forKey: ExactName(entry.target)) {
        throw CheckpointError(
          path: checkpoint.path, tensor: entry.record.name,
          "is \(entry.target.quoted) of the base, and so is \(other.quoted)")
      }
    }
    return checkpoint.expanded { record in
      guard let name = names[ExactName(record.name)] else { return [] }
      var renamed = record
      renamed.name = name
      return [renamed]
    }
  }

  func adapters(of checkpoint: Checkpoint, scales: WrappedScales) throws(CheckpointError)
    -> [Adapter]
  {
    var adapters: [Adapter] = []
    for (_, records) in factors.sorted(by: { $0.key > $1.key }) {
      var reader = AdapterReader(family: Self.family, configuration: scales.configuration)
      for record in records { reader.add(record) }
      let adapter = reader.adapter(
        path: checkpoint.path,
        try AdapterScales(
          family: Self.family, configuration: scales.configuration, alpha: scales.alpha))
      adapters.append(try scales.scaled(adapter))
    }
    return adapters
  }

  /// Every pair is one for a matrix of its own, however deep it lies.
  private static let family = AdapterFamily(
    kind: .wrappedCheckpoint, recognises: { _ in false },
    parse: { name, _ in
      var key = key(name)
      if case .leaf(let leaf, _) = key.content { key.content = .leaf(leaf, isNested: false) }
      return key
    }, missingAlpha: .unknown, holdsBase: true, examples: [])
}

/// Where the scales of a wrapped checkpoint are written down.
struct WrappedScales {
  let configuration: AdapterConfiguration?
  let alpha: Double?
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

  var switches: [(field: String, off: JSONValue?)] {
    guard let json else { return [] }
    var switches: [(field: String, off: JSONValue?)] = []
    for row in Self.rankFields where (json[row.field]?.int ?? 0) != 0 {
      switches.append((row.field, .number("0")))
    }
    for field in Self.unitFields where json[field] != nil { switches.append((field, nil)) }
    return switches
  }

  /// The adapter with the scales of the model's configuration where it has any.
  func scaled(_ adapter: Adapter) throws(CheckpointError) -> Adapter {
    var modules: [AdapterModule] = []
    for module in adapter.modules {
      if let alpha = try configuredAlpha(of: module, path: adapter.path) {
        modules.append(module.scaled(by: alpha))
      } else {
        modules.append(module)
      }
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
      scale: rank.map { alpha / Double($0) })
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
