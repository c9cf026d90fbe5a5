import Formats

/// Finds out rank, alpha and scale of an adapter's modules.
struct AdapterScales {
  private let family: AdapterFamily
  private let configuration: AdapterConfiguration?
  private let configured: ConfiguredScales?
  /// Those of the components of a pipeline.
  private let components: [Substring: ConfiguredScales]
  private let givenAlpha: Double?
  /// The parameters that `target_parameters` names, and their modules; a name without one
  /// is for every module that has such a parameter.
  private let parameters: [(owner: Substring?, name: String)]
  /// The modules that `target_modules` lists.
  private let listedModules: [String]

  init(
    family: AdapterFamily, configuration: AdapterConfiguration?,
    components: [Substring: ConfiguredScales] = [:], alpha: Double?
  ) throws(CheckpointError) {
    self.family = family
    self.configuration = configuration
    self.components = components
    givenAlpha = alpha
    configured = if let configuration { try ConfiguredScales(configuration) } else { nil }
    let names = configuration?.json[AdapterFeature.targetParameters.rawValue]?.array ?? []
    parameters = names.compactMap(\.string).map { name in
      guard let dot = name.lastIndex(of: ".") else { return (nil, name) }
      return (name[..<dot], String(name[name.index(after: dot)...]))
    }
    listedModules =
      configuration?.json["target_modules"]?.array?.compactMap(\.string) ?? []
  }

  /// The ranks that the configuration gives the parameters of a module: its patterns are
  /// for their names.
  func configuredRanks(ofParametersAt path: String) -> [Int] {
    guard let configured else { return [] }
    return parameters.compactMap { parameter in
      guard parameter.owner.map({ isSuffix($0, of: path) }) ?? true else { return nil }
      return configured.rank(of: "\(path).\(parameter.name)")
    }
  }

  /// Whether the factors at a path are for parameters of the module, not for its weight.
  private func ownsParameters(_ path: String) -> Bool {
    parameters.contains { parameter in
      if let owner = parameter.owner { return isSuffix(owner, of: path) }
      // An expression may mean any module.
      guard configuration?.json["target_modules"]?.string == nil else { return false }
      return !listedModules.contains { isSuffix($0[...], of: path) }
    }
  }

  /// The rank that the configuration gives a module.
  func configuredRank(of target: String) -> Int? {
    guard let (scales, path) = configured(target) else { return nil }
    return scales.rank(of: path)
  }

  /// The configuration that concerns a module, and the path by which it knows it.
  private func configured(_ target: String) -> (scales: ConfiguredScales, path: String)? {
    if let configured { return (configured, target) }
    let component = target.prefix { $0 != "." }
    return components[component].map { ($0, String(target.dropFirst(component.count + 1))) }
  }

  func module(_ target: String, _ draft: AdapterReader.Draft) -> AdapterModule {
    let path = draft.isNested ? String(target.dropLast(".base_layer".count)) : target
    let kind = kind(path, draft)
    var rank = rank(draft.tensors)
    // The factors of fused experts are stacked; the scale uses the rank of one. Whole
    // factors of a Kronecker product show no rank.
    if kind == .parameter || kind == .lokr && rank == nil {
      rank = configuredRank(of: path) ?? rank
    }
    let alpha = alpha(of: path, draft, rank: rank)
    // AdaLoRA takes ranks away while it trains, and scales by the first number of them.
    let scaledRank = kind == .adalora ? configuredRank(of: path) ?? rank : rank
    return AdapterModule(
      target: path, kind: kind, tensors: draft.tensors, rank: rank, alpha: alpha,
      scale: Self.isUnscaled(kind, rank: rank)
        ? 1 : scale(of: path, alpha: alpha, rank: scaledRank))
  }

  /// LyCORIS scales a Kronecker product of two whole factors by 1, whatever alpha it
  /// stores.
  private static func isUnscaled(_ kind: AdapterModule.Kind, rank: Int?) -> Bool {
    kind == .lokr && rank == nil
  }

  private func kind(_ path: String, _ draft: AdapterReader.Draft) -> AdapterModule.Kind {
    if draft.isNested || ownsParameters(path) { return .parameter }
    let families = Set(draft.tensors.map(\.leaf.family))
    if let kind = Self.kinds.first(where: { families.contains($0.family) })?.kind { return kind }
    let roles = Set(draft.tensors.map(\.leaf.role))
    if roles.contains(.embeddingA) || roles.contains(.embeddingB) { return .embedding }
    if !roles.isDisjoint(with: [.rotation, .embeddingRotation]) { return .rotation }
    let factors = draft.tensors.filter { [.a, .b].contains($0.leaf.role) }
    if !factors.isEmpty {
      return factors.contains { $0.record.shape.count > 2 } ? .convolution : .linear
    }
    return roles.isDisjoint(with: [.difference, .biasDifference]) ? .other : .full
  }

  /// Methods whose leaves tell what a module is, whatever else it has.
  private static let kinds: [(family: String, kind: AdapterModule.Kind)] = [
    ("adalora", .adalora), ("loha", .loha), ("lokr", .lokr), ("ia3", .ia3), ("vera", .vera),
    ("boft", .rotation),
  ]

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

  private func alpha(of path: String, _ draft: AdapterReader.Draft, rank: Int?) -> Double? {
    if draft.tensors.contains(where: { $0.leaf.role == .alpha }) {
      // kohya's scripts and LyCORIS read an alpha of 0 as a missing one.
      return draft.alpha == 0 ? rank.map(Double.init) : draft.alpha
    }
    if let (scales, path) = configured(path) { return scales.alpha(of: path) }
    if let givenAlpha { return givenAlpha }
    return switch family.missingAlpha {
    case .unknown: nil
    case .rank: rank.map(Double.init)
    }
  }

  private func scale(of path: String, alpha: Double?, rank: Int?) -> Double? {
    Self.scale(configured(path)?.scales.configuration, alpha: alpha, rank: rank)
  }

  /// alpha/rank, alpha/√rank for rsLoRA, or what the configuration says itself.
  static func scale(_ configuration: AdapterConfiguration?, alpha: Double?, rank: Int?) -> Double? {
    if let stated = configuration?.scale { return stated }
    guard let alpha, let rank, rank > 0 else { return nil }
    return configuration?.isRankStabilized == true
      ? alpha / Double(rank).squareRoot() : alpha / Double(rank)
  }

  /// What the card shows for the whole adapter: the configuration's values, or what
  /// the modules have in common.
  func summary(_ modules: [AdapterModule]) -> (rank: Int?, alpha: Double?, scale: Double?) {
    guard let configuration else {
      let scaled = modules.filter {
        ![.other, .full, .ia3, .rotation].contains($0.kind) || $0.rank != nil
      }
      return (
        Self.common(scaled.map(\.rank)), Self.common(scaled.map(\.alpha)),
        Self.common(scaled.map(\.scale))
      )
    }
    return (
      configuration.rank, configuration.alpha,
      Self.scale(configuration, alpha: configuration.alpha, rank: configuration.rank)
    )
  }

  /// What all have alike.
  static func common<Value: Equatable>(_ values: [Value?]) -> Value? {
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
