import Formats

/// Parts of modules that the tensors have and the configuration does not know, which
/// PEFT therefore leaves unread, without a word.
enum UnreadParts {
  private struct Row {
    let role: AdapterLeaf.Role
    let feature: AdapterFeature
    let code: Finding.Code
    let name: String
  }

  private static let rows = [
    Row(
      role: .magnitude, feature: .dora, code: .configMismatch, name: "lora_magnitude_vector"),
    Row(role: .outputBias, feature: .loraBias, code: .loraBiasDropped, name: "lora_B.bias"),
  ]

  static func findings(_ modules: [AdapterModule], _ configuration: AdapterConfiguration?)
    -> [Finding]
  {
    rows(configuration).compactMap { row in
      let modules = modules.filter { $0.isFactored && $0.tensor(row.role) != nil }
      guard !modules.isEmpty else { return nil }
      return Finding(
        .warning, row.code, tensors: modules.compactMap { $0.tensor(row.role)?.name },
        "\(FoldedKeys.summary(of: modules.map(\.target), "module")) "
          + "\(Wording.verb(modules.count, "has", "have")) a \(row.name), but "
          + "\(row.feature.rawValue) is not true: PEFT would ignore "
          + "\(Wording.verb(modules.count, "it", "them")) without a word, and so does a merge with "
          + "--numerics peft; any other merge does not")
    }
  }

  /// The roles that PEFT does not look for.
  fileprivate static func roles(_ configuration: AdapterConfiguration?) -> Set<AdapterLeaf.Role> {
    Set(rows(configuration).map(\.role))
  }

  private static func rows(_ configuration: AdapterConfiguration?) -> [Row] {
    guard let configuration else { return [] }
    return rows.filter { !configuration.features.contains($0.feature) }
  }
}

extension Adapter {
  /// The adapter with those parts of its modules alone that PEFT reads.
  public func asReadByPEFT() -> Adapter {
    guard [.peftAdapter, .llavaAdapter].contains(kind) else { return self }
    let unread = UnreadParts.roles(configuration)
    return with(modules: modules.map { $0.without(unread) })
  }
}

extension AdapterModule {
  fileprivate func without(_ roles: Set<AdapterLeaf.Role>) -> AdapterModule {
    AdapterModule(
      target: target, kind: kind, tensors: tensors.filter { !roles.contains($0.leaf.role) },
      rank: rank, alpha: alpha, scale: scale)
  }
}
