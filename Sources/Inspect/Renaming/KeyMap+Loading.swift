extension KeyMap {
  /// How the rules of presets begin that are for a model and for a PEFT adapter of it alike.
  static let optionalBeginning = #"^(base_model\.model\.)?"#

  /// The same rules for names of which none begins as PEFT's do: loaders of models that take
  /// a map know no group that finds nothing.
  public func ofModel(_ names: [String]) -> KeyMap {
    guard !names.contains(where: { $0.hasPrefix("base_model.model.") }) else { return self }
    return KeyMap(
      rules.map { rule in
        guard rule.pattern.hasPrefix(Self.optionalBeginning), rule.replacement.hasPrefix("\\1")
        else { return rule }
        return RenameRule(
          checked: "^" + rule.pattern.dropFirst(Self.optionalBeginning.count),
          String(rule.replacement.dropFirst(2))
            .replacing(/\\([2-9])/) { "\\\((Int($0.1) ?? 2) - 1)" })
      })
  }
}
