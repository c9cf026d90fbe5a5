import Formats

/// What decides the scales of modules that are put together.
struct FusionScales {
  /// The alpha of the module at a path; nil where none is known.
  let alpha: (_ path: String) -> Double?
  let isRankStabilized: Bool

  init(_ configuration: AdapterConfiguration) throws(CheckpointError) {
    let scales = try ConfiguredScales(configuration)
    alpha = { scales.alpha(of: $0) }
    isRankStabilized = configuration.isRankStabilized
  }

  /// With scales that are alpha/rank.
  init(_ modules: [ScaledModule]) {
    let alphas = Dictionary(
      modules.map { ($0.path, $0.alpha) }, uniquingKeysWith: { first, _ in first })
    alpha = { alphas[$0] }
    isRankStabilized = false
  }

  func scale(alpha: Double, rank: Int) -> Double { alpha / divisor(rank) }

  /// The alpha for which exactly this scale is computed.
  func alpha(rank: Int, scale: Double) -> Double? {
    let product = scale * divisor(rank)
    return [product, product.nextUp, product.nextDown].first {
      self.scale(alpha: $0, rank: rank) == scale
    }
  }

  private func divisor(_ rank: Int) -> Double {
    isRankStabilized ? Double(rank).squareRoot() : Double(rank)
  }
}

extension ProjectionFusion {
  /// The scale of the parts' updates, which has to be one; nil where no file says it.
  func commonScale(_ paths: [String], _ records: [TensorRecord], _ suffix: String)
    throws(CheckpointError) -> Double?
  {
    guard let configured else { return nil }
    var scales: [Double] = []
    for (path, record) in zip(paths, records) {
      let target = AdapterKey(peft: "\(path).\(suffix)").target
      guard let alpha = configured.alpha(target), let rank = record.shape.first, rank > 0
      else { return nil }
      scales.append(configured.scale(alpha: alpha, rank: rank))
    }
    guard let first = scales.first else { return nil }
    guard scales.allSatisfy({ $0 == first }) else {
      throw CheckpointError(
        "its parts have the scales \(scales.map { "\($0)" }.joined(separator: ", ")); one "
          + "projection has one scale")
    }
    return first
  }

  /// The rank and alpha that give the whole the scale of its parts, exactly.
  ///
  /// Where no alpha does with the ranks' sum, the rank is the next for which one does;
  /// what is added to the factors is 0.
  func scaled(_ path: String, _ suffix: String, rank sum: Int, scale: Double?)
    throws(CheckpointError) -> ScaledModule
  {
    guard let scale, let configured else {
      throw CheckpointError(
        "its rank grows to \(sum), and no adapter_config.json says the alpha that has to grow "
          + "with it")
    }
    var found: (rank: Int, alpha: Double)?
    for rank in sum...4 * sum where found == nil {
      found = configured.alpha(rank: rank, scale: scale).map { (rank, $0) }
    }
    guard let (rank, alpha) = found else {
      throw CheckpointError("its rank grows to \(sum), and no alpha gives it the scale \(scale)")
    }
    let target = AdapterKey(peft: "\(path).\(suffix)").target
    return ScaledModule(path: target, rank: rank, alpha: alpha)
  }
}

extension RenamingDraft {
  /// Gives modules other ranks and alphas; all others keep theirs.
  mutating func setScales(_ modules: [ScaledModule]) throws(CheckpointError) {
    guard !modules.isEmpty, let json = configuration, let members = json.object else { return }
    let old = try AdapterConfiguration(json, path: AdapterSurvey.configurationName)
    let scales = try ConfiguredScales(old)
    var wanted: [String: ScaledModule] = [:]
    for module in modules { wanted[module.path] = module }
    var all: [ScaledModule] = []
    var seen: Set<String> = []
    for record in tensors.map(\.record) {
      let key = AdapterKey(peft: record.name)
      guard case .leaf(let leaf, _) = key.content, let axis = leaf.rankAxis,
        axis < record.shape.count, seen.insert(key.target).inserted
      else { continue }
      let rank = scales.rank(of: key.target) ?? record.shape[axis]
      let alpha = scales.alpha(of: key.target) ?? Double(rank)
      all.append(wanted[key.target] ?? ScaledModule(path: key.target, rank: rank, alpha: alpha))
    }
    let ranks = try ScalePatterns(all.map { ($0.path, Double($0.rank)) }, field: "rank_pattern")
    let alphas = try ScalePatterns(all.map { ($0.path, $0.alpha) }, field: "alpha_pattern")
    let changes = [
      ("r", ranks.common), ("rank_pattern", ranks.pattern), ("lora_alpha", alphas.common),
      ("alpha_pattern", alphas.pattern),
    ]
    var changed = members
    for (field, value) in changes {
      changed.removeAll { $0.key == field && value == nil }
      guard let value else { continue }
      if let index = changed.firstIndex(where: { $0.key == field }) {
        changed[index] = JSONMember(field, value)
      } else {
        changed.append(JSONMember(field, value))
      }
    }
    configuration = .object(changed)
  }
}

/// Numbers of modules as a configuration tells them: the commonest, and by name those
/// that are others.
struct ScalePatterns {
  private(set) var common: JSONValue?
  let pattern: JSONValue?

  init(_ values: [(path: String, value: Double)], field: String) throws(CheckpointError) {
    var counts: [Double: Int] = [:]
    for value in values { counts[value.value, default: 0] += 1 }
    let most = counts.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key ?? 0
    common = Self.number(most)
    let byWord = Dictionary(grouping: values) { $0.path.dottedSegments.last ?? "" }
    var entries: [ModulePatterns.Entry] = []
    var written: Set<Substring> = []
    for (path, value) in values where value != most {
      let word = path.dottedSegments.last ?? ""
      if byWord[word]?.allSatisfy({ $0.value == value }) != true {
        entries.append(.init("^\(RenameRule.escaped(path))", value))
      } else if written.insert(word).inserted {
        entries.append(.init(String(word), value))
      }
    }
    let matcher = try ModulePatternMatcher(ModulePatterns(entries), field: field)
    if values.contains(where: { (matcher.value(for: $0.path) ?? most) != $0.value }) {
      entries = values.filter { $0.value != most }
        .map { .init("^\(RenameRule.escaped($0.path))", $0.value) }
    }
    pattern = .object(entries.map { JSONMember($0.key, Self.number($0.value)) })
  }

  private static func number(_ value: Double) -> JSONValue {
    Int(exactly: value).map { .number("\($0)") } ?? .number("\(value)")
  }
}
