import Formats

/// An adapter of a text model, or of one from before transformers 4.52, and a base that
/// sees or hears.
extension AdapterBaseChecks {
  /// That PEFT looks for the layers under other names than a merge does: the model that it
  /// is given has them in a part of its own, whatever the file of the base calls them.
  static func hiddenLayers(of adapter: Adapter, in base: Checkpoint) -> Finding? {
    let modules = adapter.modules.filter { $0.target.hasPrefix("model.layers.") }
    let names = modules.flatMap { $0.tensors.map(\.record.name) }
    guard adapter.kind == .peftAdapter, !modules.isEmpty,
      VisionLanguageLayout(base.records.lazy.map(\.name)) != nil,
      !base.records.contains(where: { $0.name.dottedSegments.contains("text_model") }),
      // Models with code of their own have names of their own.
      let configuration = try? ModelConfiguration(beside: base), configuration.codeFiles.isEmpty
    else { return nil }
    let isPlain = names.allSatisfy { $0.hasPrefix("base_model.model.model.layers.") }
    return Finding(
      .warning, .prefixDrift, tensors: names,
      "\(FoldedKeys.summary(of: modules.map(\.target), "module")): as in a text model; in a model "
        + "that sees or hears, as transformers 4.52 and later build it, the layers are "
        + "\"model.language_model.layers\", so that PEFT calls all \(names.count) keys missing and "
        + "changes nothing; a merge finds them",
      fix: isPlain
        ? FixCommands.rename(
          adapter.path,
          [#"^base_model\.model\.model\.layers\.=base_model.model.model.language_model.layers."#])
        : nil)
  }
}
