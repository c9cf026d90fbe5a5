import Formats
import Inspect

/// The card of an adapter for people.
enum AdapterText {
  static func card(_ adapter: Adapter) -> String {
    var rows = [["family", adapter.family]]
    rows.append(["base", adapter.base?.printable ?? "not stated"])
    rows.append(["rank", adapter.rank.map { "\($0)" } ?? "differs, see below"])
    rows.append(["alpha", adapter.alpha.map { plain($0) } ?? alphaText(adapter)])
    rows.append(["scale", adapter.scale.map { scaleText($0, adapter) } ?? "unknown"])
    rows += patterns(adapter)
    for feature in adapter.features {
      rows.append([feature.rawValue, feature.explanation])
    }
    if !adapter.replacements.isEmpty {
      let names = adapter.replacements.map(\.target)
      rows.append(["replaces", FoldedKeys.summary(of: names, "tensor")])
    }
    if !adapter.leftovers.isEmpty {
      rows.append(["unknown", FoldedKeys.summary(of: adapter.leftovers.map(\.name), "tensor")])
    }
    rows.append(["modules", "\(adapter.modules.count)"])
    return columns(rows) + modules(adapter)
  }

  private static func alphaText(_ adapter: Adapter) -> String {
    adapter.modules.contains { $0.alpha != nil } ? "differs, see below" : "stated by no file"
  }

  private static func scaleText(_ scale: Double, _ adapter: Adapter) -> String {
    plain(scale) + (adapter.isRankStabilized ? "  alpha / √rank (rsLoRA)" : "  alpha / rank")
  }

  /// The patterns of the configuration, one line each.
  private static func patterns(_ adapter: Adapter) -> [[String]] {
    guard let configuration = adapter.configuration else { return [] }
    return [
      ("rank_pattern", configuration.rankPattern), ("alpha_pattern", configuration.alphaPattern),
    ].flatMap { name, patterns in
      patterns.entries.enumerated().map { position, entry in
        [position == 0 ? name : "", "\(entry.key.printable) → \(plain(entry.value))"]
      }
    }
  }

  /// One line for modules that differ only in numbers.
  private static func modules(_ adapter: Adapter) -> String {
    struct Kind: Hashable {
      let rank: Int?
      let alpha: Double?
      let scale: Double?
      let shapes: [[Int]]
    }
    var order: [Kind] = []
    var members: [Kind: [String]] = [:]
    for module in adapter.modules {
      let kind = Kind(
        rank: module.rank, alpha: module.alpha, scale: module.scale,
        shapes: [module.a?.shape ?? [], module.b?.shape ?? []])
      if members[kind] == nil { order.append(kind) }
      members[kind, default: []].append(module.target)
    }
    guard !order.isEmpty else { return "" }
    let header = ["target", "", "rank", "alpha", "scale", "A", "B"]
    var rows: [[String]] = []
    for kind in order {
      for group in FoldedKeys.fold(members[kind] ?? []) {
        rows.append([
          group.pattern.description.printable, group.count > 1 ? "×\(group.count)" : "",
          kind.rank.map(String.init) ?? "?", kind.alpha.map { plain($0) } ?? "?",
          kind.scale.map { plain($0) } ?? "?",
          kind.shapes[0].isEmpty ? "" : "\(kind.shapes[0])",
          kind.shapes[1].isEmpty ? "" : "\(kind.shapes[1])",
        ])
      }
    }
    rows = [header] + NaturalOrder.sorted(rows) { $0[0] }
    return "\n" + columns(rows, rightAligned: [2, 3, 4])
  }
}
