import Formats

/// What training programs put into the names of a model that they wrap.
enum KeyWrappers {
  /// Wrappers whose names nobody gives a module, removed wherever they stand.
  static let anywhere: Set<Substring> = [
    "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module",
  ]
  /// Wrappers that could be names of modules, removed only at the front.
  static let atFront: Set<Substring> = ["module", "model_wrapped"]
  /// What programs for reinforcement learning call a model that PEFT has wrapped,
  /// removed only before PEFT's own beginning.
  static let aroundPEFT: Set<Substring> = ["actor", "policy", "pretrained_model"]

  /// Removes the wrappers from the segments of a key and says which there were.
  static func strip(_ segments: inout [Substring]) -> [Substring] {
    var found: [Substring] = []
    let front = front(of: segments)
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

  /// The wrappers of a name as they stand in it.
  static func found(in name: String) -> String {
    var segments = name.dottedSegments
    return strip(&segments).map { "\($0)." }.joined()
  }

  /// The name without wrappers.
  static func stripped(_ name: String) -> String {
    var segments = name.dottedSegments
    return strip(&segments).isEmpty ? name : segments.joined(separator: ".")
  }

  private static func front(of segments: [Substring]) -> ArraySlice<Substring> {
    let plain = anywhere.union(atFront)
    let front = segments.prefix { plain.contains($0) || aroundPEFT.contains($0) }
    return segments[front.endIndex...].starts(with: ["base_model", "model"])
      ? front : segments.prefix(while: plain.contains)
  }

  /// The names of a model that hold a wrapper; one that could be a module's name counts
  /// where all have it.
  static func wrapped(_ names: [String]) -> [String] {
    let wrapped = names.filter { stripped($0) != $0 }
    return wrapped.count == names.count ? wrapped : wrapped.filter(isWrapped)
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

  /// The expression of a wrapper before PEFT's beginning.
  static var beforePEFT: String {
    let words = anywhere.union(atFront).union(aroundPEFT)
    return "(?:(?:\(words.sorted().joined(separator: "|")))\\.)"
  }

  /// What takes the wrappers from some names, as rules: one that names what stands before
  /// all of them, where there is no more.
  static func rules(for names: [String]) -> [RenameRule] {
    let fronts = Set(
      names.map { name in
        let bare = stripped(name)
        return name.hasSuffix(".\(bare)") ? String(name.dropLast(bare.count)) : ""
      })
    if fronts.count == 1, let front = fronts.first, !front.isEmpty {
      return [RenameRule(checked: "^\(RenameRule.escaped(front))", "")]
    }
    return KeyMap(rules).withEffect(on: names).rules
  }

  /// The same as a finding tells it.
  static func renaming(_ names: [String]) -> [Finding.Renaming] {
    rules(for: names).map { Finding.Renaming($0.pattern, $0.replacement) }
  }

  /// What `strip` does, as rules.
  static var rules: [RenameRule] {
    let inner = anywhere.sorted().joined(separator: "|")
    let front = (anywhere.sorted() + atFront.sorted()).joined(separator: "|")
    return [
      RenameRule(checked: "^\(beforePEFT)+(?=base_model\\.model\\.)", ""),
      RenameRule(checked: "^(?:(?:\(front))\\.)+(?=.)", ""),
      RenameRule(checked: "\\.(?:\(inner))(?=\\.)", ""),
      RenameRule(
        checked: "^(base_model\\.model\\.)(?:base_model\\.model\\.)+", "\\1"),
    ]
  }
}
