/// What training programs put into the names of a model that they wrap.
enum KeyWrappers {
  /// Wrappers whose names nobody gives a module, removed wherever they stand.
  static let anywhere: Set<Substring> = [
    "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module",
  ]
  /// Wrappers that could be names of modules, removed only at the front.
  static let atFront: Set<Substring> = ["module", "model_wrapped"]

  /// Removes the wrappers from the segments of a key and says which there were.
  static func strip(_ segments: inout [Substring]) -> [Substring] {
    var found: [Substring] = []
    let front = segments.prefix { anywhere.contains($0) || atFront.contains($0) }
    // A key that is nothing else names no module.
    guard front.count < segments.count else { return [] }
    found += front
    segments.removeFirst(front.count)
    if segments.contains(where: anywhere.contains) {
      found += segments.filter(anywhere.contains)
      segments.removeAll(where: anywhere.contains)
    }
    return found
  }

  /// Whether a name has a wrapper that nobody gives a module as its name.
  static func isWrapped(_ name: String) -> Bool {
    name.dottedSegments.contains(where: anywhere.contains)
  }

  /// Rules that remove those alone.
  static var unmistakableRules: [RenameRule] {
    let inner = anywhere.sorted().joined(separator: "|")
    return [RenameRule(checked: "(^|\\.)(?:(?:\(inner))\\.)+(?=.)", "\\1")]
  }

  /// What `strip` does, as rules.
  static var rules: [RenameRule] {
    let inner = anywhere.sorted().joined(separator: "|")
    let front = (anywhere.sorted() + atFront.sorted()).joined(separator: "|")
    return [
      RenameRule(checked: "^(?:(?:\(front))\\.)+(?=.)", ""),
      RenameRule(checked: "\\.(?:\(inner))(?=\\.)", ""),
      RenameRule(
        checked: "^(base_model\\.model\\.)(?:base_model\\.model\\.)+", "\\1"),
    ]
  }
}
