import Formats

/// How the sentences of findings speak of numbers of things.
enum Wording {
  /// `1 tensor`, `3 tensors`.
  static func count(_ count: Int, _ noun: String) -> String {
    "\(count) \(noun)\(count == 1 ? "" : "s")"
  }

  /// `is` or `are`, `has` or `have`, and so on, as the number asks.
  static func verb(_ count: Int, _ one: String, _ many: String) -> String {
    count == 1 ? one : many
  }

  /// A few names in quotes, and how many more there are.
  static func list(_ names: [String], limit: Int = 5) -> String {
    let shown = names.prefix(limit).map(\.quoted).joined(separator: ", ")
    return names.count > limit ? "\(shown) and \(names.count - limit) more" : shown
  }

  /// Names grouped by pattern: `layers.{0..31}.q_proj ×32, lm_head.weight`.
  static func folded(_ names: [String], limit: Int = 3) -> String {
    let groups = FoldedKeys.fold(names)
    let shown = groups.prefix(limit).map(\.description).joined(separator: ", ")
    return groups.count > limit ? "\(shown), … (\(groups.count) patterns)" : shown
  }
}

extension Wording {
  /// The parts of PLoRA among some names, the single ones by name.
  static func plora(_ names: [String]) -> String {
    let single = names.filter { $0.hasSuffix("_GN") }.map { $0.printable }
    let pairs = ["Plora_A", "Plora_B"].compactMap { word in
      let count = names.count { $0.contains(".\(word).") || $0.hasSuffix(".\(word)") }
      return count == 0 ? nil : "\(count) \(word)"
    }
    return (single.prefix(4) + pairs).joined(separator: ", ")
  }
}
