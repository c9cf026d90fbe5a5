import Formats

/// An adapter in the names of before transformers 4.52, or of a text model, and a base that
/// sees.
extension AdapterBaseChecks {
  /// That PEFT looks for modules under other names than a merge does: the model that it is
  /// given has them in parts of its own, whatever the file of the base calls them.
  static func hiddenModules(of adapter: Adapter, in base: Checkpoint) -> Finding? {
    guard adapter.kind == .peftAdapter,
      let layout = VisionLanguageLayout(base.records.lazy.map(\.name)),
      !base.records.contains(where: { $0.name.dottedSegments.contains("text_model") }),
      // Models with code of their own have names of their own.
      let configuration = try? ModelConfiguration(beside: base), configuration.codeFiles.isEmpty,
      !configuration.isLlava
    else { return nil }
    var changes: [String: String] = [:]
    let modules = adapter.modules.filter { module in
      guard let (beginning, live) = layout.hidden(module.target) else { return false }
      changes[beginning] = live
      return true
    }
    guard !modules.isEmpty else { return nil }
    let names = modules.flatMap { $0.tensors.map(\.record.name) }
    let olds = NaturalOrder.sorted(Array(changes.keys))
    let news = NaturalOrder.sorted(Array(Set(changes.values)))
    let count = adapter.modules.reduce(0) { $0 + $1.tensors.count }
    let isPlain = olds.allSatisfy { old in
      names.contains { $0.hasPrefix("base_model.model.\(old).") }
    }
    return Finding(
      .warning, .prefixDrift, tensors: names,
      "\(FoldedKeys.summary(of: modules.map(\.target), "module")): in a model that sees, as "
        + "transformers 4.52 and later build it, \(Wording.verb(modules.count, "it is", "they are")) "
        + "below \(Wording.list(news)), so that PEFT finds "
        + (names.count == count ? "none of the" : "\(count - names.count) of the")
        + " \(Wording.count(count, "key")) and changes nothing"
        + (names.count == count ? "" : " with the others") + "; a merge finds them all",
      fix: isPlain
        ? FixCommands.rename(
          adapter.path,
          olds.map { old in
            #"^base_model\.model\."# + RenameRule.escaped("\(old).")
              + "=base_model.model.\(changes[old] ?? old)."
          }) : nil)
  }
}
