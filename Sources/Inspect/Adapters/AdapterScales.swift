import Formats

/// Finds out rank, alpha and scale of an adapter's modules.
struct AdapterScales {
  private let family: AdapterFamily
  private let configuration: AdapterConfiguration?
  private let configured: ConfiguredScales?
  private let givenAlpha: Double?
  /// The modules whose parameters `target_parameters` names.
  private let parameterOwners: [Substring]

  init(family: AdapterFamily, configuration: AdapterConfiguration?, alpha: Double?)
    throws(CheckpointError)
  {
    self.family = family
    self.configuration = configuration
    givenAlpha = alpha
    configured = if let configuration { try ConfiguredScales(configuration) } else { nil }
    let parameters = configuration?.json[AdapterFeature.targetParameters.rawValue]?.array ?? []
    parameterOwners = parameters.compactMap(\.string).compactMap { name in
      name.lastIndex(of: ".").map { name[..<$0] }
    }
  }

  /// The rank that the configuration gives a module.
  func configuredRank(of target: String) -> Int? { configured?.rank(of: target) }

  func module(_ target: String, _ draft: AdapterReader.Draft) -> AdapterModule {
    let path = draft.isNested ? String(target.dropLast(".base_layer".count)) : target
    let kind = kind(path, draft)
    let shown = rank(draft.tensors)
    // The factors of fused experts are stacked; the scale uses the rank of one.
    let rank = kind == .parameter ? configuredRank(of: path) ?? shown : shown
    let alpha = alpha(of: path, draft.tensors, rank: rank)
    return AdapterModule(
      target: path, kind: kind, tensors: draft.tensors, rank: rank, alpha: alpha,
      scale: scale(alpha: alpha, rank: rank))
  }

  private func kind(_ path: String, _ draft: AdapterReader.Draft) -> AdapterModule.Kind {
    let roles = Set(draft.tensors.map(\.leaf.role))
    let factors = draft.tensors.filter { [.a, .b].contains($0.leaf.role) }
    if draft.isNested || parameterOwners.contains(where: { isSuffix($0, of: path) }) {
      return .parameter
    }
    if roles.contains(.embeddingA) || roles.contains(.embeddingB) { return .embedding }
    if factors.isEmpty { return .other }
    return factors.contains { $0.record.shape.count > 2 } ? .convolution : .linear
  }

  private func isSuffix(_ name: Substring, of path: String) -> Bool {
    path == name || path.hasSuffix(".\(name)")
  }

  private func rank(_ tensors: [AdapterTensor]) -> Int? {
    for tensor in tensors {
      guard let axis = tensor.leaf.rankAxis, axis < tensor.record.shape.count else { continue }
      let rank = tensor.record.shape[axis]
      if rank > 0 { return rank }
    }
    return nil
  }

  private func alpha(of path: String, _ tensors: [AdapterTensor], rank: Int?) -> Double? {
    if tensors.contains(where: { $0.leaf.role == .alpha }) { return nil }
    if let configured { return configured.alpha(of: path) }
    if let givenAlpha { return givenAlpha }
    return switch family.missingAlpha {
    case .unknown: nil
    case .rank: rank.map(Double.init)
    }
  }

  private func scale(alpha: Double?, rank: Int?) -> Double? {
    guard let alpha, let rank, rank > 0 else { return nil }
    let isRankStabilized = configuration?.isRankStabilized ?? false
    return isRankStabilized ? alpha / Double(rank).squareRoot() : alpha / Double(rank)
  }

  /// What the card shows for the whole adapter: the configuration's values, or what
  /// the modules have in common.
  func summary(_ modules: [AdapterModule]) -> (rank: Int?, alpha: Double?, scale: Double?) {
    guard let configuration else {
      let scaled = modules.filter { $0.kind != .other || $0.rank != nil }
      return (common(scaled.map(\.rank)), common(scaled.map(\.alpha)), common(scaled.map(\.scale)))
    }
    return (
      configuration.rank, configuration.alpha,
      scale(alpha: configuration.alpha, rank: configuration.rank)
    )
  }

  private func common<Value: Equatable>(_ values: [Value?]) -> Value? {
    guard let first = values.first, values.allSatisfy({ $0 == first }) else { return nil }
    return first
  }

  /// The method that the leaves show; where they show plain LoRA or nothing, what the
  /// configuration says.
  static func method(of families: [String], configured: String?) -> String {
    let present = Set(families)
    for special in precedence where present.contains(special) { return special }
    if let other = present.subtracting(["lora"]).sorted().first { return other }
    return configured ?? "lora"
  }

  /// Methods that add to another, and so name the whole.
  private static let precedence = ["dora", "adalora", "loha", "lokr", "ia3", "vera"]
}
