import ArgumentParser
import Formats
import Inspect
import Merge

/// `tenon remap`: the same tensors under other names.
struct RemapCommand: CheckpointCommand {
  static let configuration = CommandConfiguration(
    commandName: "remap",
    abstract: "Rename the tensors of a checkpoint or an adapter.",
    discussion: """
      Presets are applied first, then --map, then --rename, each in the order in which it is \
      given, then what --to-match finds. Nothing is computed: presets that split, fuse or transpose \
      move rows, pad with zeros and turn alphas into tensors and back, and all else changes names \
      alone. The adapter_config.json of a PEFT adapter is renamed along with its keys. Names that would clash, rules that match \
      nothing and a mere copy are refused.
      """)

  @Argument(
    help: "A file of tensors, an index or a directory; to write nothing, a list of keys will do.",
    completion: .file())
  var path: String?

  @OptionGroup(title: "The new names")
  var rules: RemapRuleOptions

  @OptionGroup(title: WriteOptions.title)
  var place: OptionalOutputPlace

  @OptionGroup(title: WriteOptions.title)
  var write: WriteOptions

  @OptionGroup(title: HDF5Options.title)
  var hdf5: HDF5Options

  @OptionGroup(title: "Which tensors")
  var filter: FilterOptions

  @Flag(help: "Print the names of the presets and what they do.")
  var listPresets = false

  @Flag(help: "Print one JSON object, see tenon-json(5).")
  var json = false

  func validate() throws {
    if listPresets { return }
    guard path != nil else { throw ValidationError("Missing expected argument '<path>'") }
    if rules.isEmpty, filter.include.isEmpty, filter.exclude.isEmpty {
      throw ValidationError(
        "give at least one of --rename, --map, --preset, --to-match, --include and --exclude")
    }
    if place.output == nil, !write.dryRun, rules.saveMap == nil {
      throw ValidationError("give --output, --dry-run or --save-map")
    }
  }

  func perform() throws(CheckpointError) -> ExitCode {
    guard !listPresets, let path else {
      StandardOutput.write(RemapText.presets(json: json))
      return .success
    }
    if let saveMap = rules.saveMap { try rules.checkMap(saveMap, force: write.force) }
    guard let output = place.output else {
      try finish(try renaming(of: try hdf5.keys(path)), nil)
      return .success
    }
    // Refused before anything is read: the user may have to think again.
    let transaction = try write.transaction(output, inputs: [path])
    let options = try write.outputOptions(for: transaction)
    guard let input = try tensors(of: path) else {
      try finish(try renaming(of: try hdf5.keys(path)), nil)
      return .success
    }
    let draft = try renaming(of: .checkpoint(input))
    if !write.dryRun { try draft.requireEffect() }
    let plan = try RemapPlan(draft, of: input, options: options)
    if !write.dryRun {
      let progress = Progress(total: plan.plan.byteCount)
      _ = try ProgressLine.show(progress, quiet: write.work.quiet) { () throws(CheckpointError) in
        try Execution(plan.plan, threads: plan.threads).run(transaction, progress: progress)
      }
    }
    try finish(draft, plan)
    return .success
  }

  private func renaming(of source: KeySource) throws(CheckpointError) -> RenamingDraft {
    try rules.draft(source, filter: try filter.filter(), hdf5)
  }

  /// The checkpoint at `path`; nil for names alone, which are enough to show what would
  /// be done.
  private func tensors(of path: String) throws(CheckpointError) -> Checkpoint? {
    do throws(CheckpointError) {
      return try hdf5.open(path)
    } catch {
      guard case .list = try hdf5.keys(path) else { throw error }
      if write.dryRun { return nil }
      // An index is whole as soon as its shards are.
      if error.path != path { throw error }
      throw CheckpointError(
        path: path, "holds names only; expected the tensors, to write them",
        fix: "leave out --output, and add --dry-run or --save-map")
    }
  }

  /// Writes the map and tells what was done.
  private func finish(_ draft: RenamingDraft, _ plan: RemapPlan?) throws(CheckpointError) {
    try draft.requireDistinct()
    if let saveMap = rules.saveMap, !write.dryRun {
      try draft.requireEffect()
      try rules.save(
        draft.map.ofModel(draft.tensors.compactMap(\.origin)), to: saveMap, force: write.force)
    }
    let report = RemapReport(
      draft, plan, output: plan == nil ? nil : place.output, isDryRun: write.dryRun)
    let output = write.dryRun ? nil : place.output
    if json {
      StandardOutput.write(RemapJSON.document(report), after: output)
    } else {
      StandardOutput.write(RemapText.report(report), after: output)
      StandardError.report(report.findings)
    }
  }
}
