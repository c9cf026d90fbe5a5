import Formats

/// An adapter of a text model, or of one from before transformers 4.52, and a base that
/// sees or hears.
extension AdapterBaseChecks {
  /// That PEFT looks for modules under other names than a merge does: the model that it is
  /// given has them in parts of its own, whatever the file of the base calls them.
  static func hiddenModules(of adapter: Adapter, in base: Checkpoint) -> Finding? {
    guard let layout = OldLayout(adapter, onto: base) else { return nil }
    let hidden = adapter.modules.compactMap { module in
      layout.hiddenName(of: module.target).map { (module: module, name: $0) }
    }
    guard let first = hidden.first else { return nil }
    let names = hidden.flatMap { $0.module.tensors.map(\.record.name) }
    let isPlain = adapter.records.allSatisfy { $0.name.hasPrefix("base_model.model.") }
    return Finding(
      .warning, .prefixDrift, tensors: names,
      "\(FoldedKeys.summary(of: hidden.map(\.module.target), "module")): as in a text model, or "
        + "before transformers 4.52; in the model that it builds since for a base that sees or "
        + "hears, \(hidden.count == 1 ? "it" : "the first") is \(first.name.quoted), so that PEFT "
        + "calls all \(names.count) keys missing and changes nothing there; a merge finds them",
      fix: isPlain ? FixCommands.remap(adapter.path, "--preset transformers-4.52") : nil)
  }
}
