import Formats

/// Keys of `rank_pattern` and `alpha_pattern` that are for none of the modules.
enum PatternChecks {
  static func findings(_ adapter: Adapter, _ configuration: AdapterConfiguration) -> [Finding] {
    let paths = adapter.modules.map(\.targetedPath)
    // Some keys are for parameters, which are no modules.
    guard !paths.isEmpty, !configuration.features.contains(.targetParameters) else { return [] }
    let fields = [
      ("rank_pattern", configuration.rankPattern), ("alpha_pattern", configuration.alphaPattern),
    ]
    return fields.compactMap { field, patterns in
      let keys = unmatched(patterns, paths)
      guard !keys.isEmpty else { return nil }
      return Finding(
        .note, .configMismatch,
        "\(field) names \(Wording.list(keys)), \(Wording.verb(keys.count, "which is", "which are")) "
          + "for none of the modules of the file: PEFT ignores "
          + Wording.verb(keys.count, "it", "them"))
    }
  }

  private static func unmatched(_ patterns: ModulePatterns, _ paths: [String]) -> [String] {
    let whole = Set(paths)
    // Most are paths, which need no search.
    let keys = patterns.entries.map(\.key).filter {
      !whole.contains($0.replacing("\\.", with: "."))
    }
    guard keys.count.saturatingProduct(paths.count) <= maximumSearchCount else { return [] }
    return keys.filter { key in
      guard let pattern = try? PythonPattern("(.*\\.)?(\(key))$") else { return false }
      return !paths.contains(where: pattern.matchesPrefix)
    }
  }

  private static let maximumSearchCount = 100_000
}
