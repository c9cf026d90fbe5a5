import Formats

/// PLoRA that a base should have and does not.
extension PLoRA {
  /// Whether the names are those of a model that has PLoRA beside its weights.
  static func isExpected(in names: [String]) -> Bool {
    names.contains { $0.hasPrefix("vision_proj.") } && names.contains { $0.hasPrefix("vit.") }
      && names.contains { $0.hasSuffix(".attention.wqkv.weight") }
  }

  /// The parts of PLoRA that some layers have and others of the same kind have not.
  static func missing(in names: [String]) -> [String] {
    let all = Set(names.map(ExactName.init))
    let pairs = ["Plora_A.weight", "Plora_B.weight"]
    var kinds: Set<String> = []
    for name in names {
      for ending in pairs where name.hasSuffix(".\(ending)") {
        kinds.insert(kind(of: name.dropLast(ending.count + 1)))
      }
    }
    guard !kinds.isEmpty else { return [] }
    return names.flatMap { name -> [String] in
      guard name.hasSuffix(".weight") else { return [] }
      let path = name.dropLast(".weight".count)
      guard kinds.contains(kind(of: path)) else { return [] }
      return pairs.map { "\(path).\($0)" }.filter { !all.contains(ExactName($0)) }
    }
  }

  /// The path with `#` for each number.
  private static func kind(of path: Substring) -> String {
    path.dottedSegments.map { segment in
      segment.allSatisfy { ("0"..."9").contains($0) } ? "#" : segment
    }.joined(separator: ".")
  }
}
