import ArgumentParser
import Formats
import Inspect

/// What the names are to become.
struct RemapRuleOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A known renaming (repeatable); --list-presets prints them.", valueName: "name"))
  var preset: [String] = []

  @Option(
    help: ArgumentHelp(
      "A JSON object of expressions and replacements, in the order in which they apply.",
      valueName: "file"),
    completion: .file(extensions: ["json"]))
  var map: String?

  @Option(
    help: ArgumentHelp(
      "Replace what a regular expression finds, as '^model\\.=transformer.' (repeatable).",
      valueName: "regex=replacement"))
  var rename: [String] = []

  @Option(
    help: ArgumentHelp(
      "Find the renaming that gives the names of this checkpoint or list of keys; - is standard "
        + "input.",
      valueName: "base"),
    completion: .file())
  var toMatch: String?

  @Option(help: ArgumentHelp("Write the rules as a map.", valueName: "file"))
  var saveMap: String?

  @Option(
    help: ArgumentHelp(
      "The heads of the attention, for presets that split or fuse (default: as in config.json).",
      valueName: "n"))
  var attentionHeads: Int?

  @Option(
    help: ArgumentHelp(
      "The heads of keys and of values (default: as many as --attention-heads).", valueName: "n"))
  var keyValueHeads: Int?

  var isEmpty: Bool { preset.isEmpty && map == nil && rename.isEmpty && toMatch == nil }

  func validate() throws {
    if keyValueHeads != nil, attentionHeads == nil {
      throw ValidationError("--key-value-heads needs --attention-heads")
    }
    try requireUsage { () throws(CheckpointError) in
      _ = try presets()
      _ = try RenameRule.typed(rename)
    }
  }

  private func presets() throws(CheckpointError) -> [RenamePreset] {
    var presets: [RenamePreset] = []
    for name in preset { presets.append(try RenamePreset(named: name)) }
    return presets
  }

  /// Applies everything in its order.
  func draft(_ source: KeySource, filter: NameFilter, _ hdf5: HDF5Options) throws(CheckpointError)
    -> RenamingDraft
  {
    let presets = try presets()
    let typed = try RenameRule.typed(rename)
    let read = try map.map { path throws(CheckpointError) in (path, try KeyMap(path: path)) }
    let base = try toMatch.map { path throws(CheckpointError) in try hdf5.wantedKeys(path) }
    var draft = try RenamingDraft(source)
    draft.statedHeads = try attentionHeads.map { count throws(CheckpointError) in
      try AttentionHeads(queries: count, keys: keyValueHeads)
    }
    if let base { draft.modelConfigurations += base.configurations }
    try draft.keep(filter)
    for preset in presets {
      draft.noteModel(against: preset)
      try draft.apply(preset, base: base)
    }
    if let (path, map) = read { try draft.apply(map, as: .map(path)) }
    if !typed.isEmpty { try draft.apply(KeyMap(typed), as: .rule) }
    if let base { try draft.match(base) }
    if let saveMap, !draft.projections.isEmpty {
      throw CheckpointError(
        path: saveMap, "a map holds names alone; it cannot say how projections are split or fused",
        fix: "leave out --save-map, or give the preset when the map is used")
    }
    return draft
  }

  /// Refuses to write the map over something else before any work is done.
  func checkMap(_ path: String, force: Bool) throws(CheckpointError) {
    _ = try OutputTransaction(
      path: path, kind: .file, force: force, inputs: [map].compactMap(\.self))
  }

  func save(_ map: KeyMap, to path: String, force: Bool) throws(CheckpointError) {
    var writer = JSONWriter(isIndented: true)
    writer.value(map.json)
    let bytes = writer.document()
    let transaction = try OutputTransaction(
      path: path, kind: .file, force: force, inputs: [self.map].compactMap(\.self))
    try transaction.begin(byteCount: bytes.count)
    try transaction.write(bytes, to: path)
    try transaction.commit()
  }
}
