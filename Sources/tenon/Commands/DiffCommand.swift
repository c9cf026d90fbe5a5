import ArgumentParser
import Compute
import Formats
import Inspect
import Merge

/// `tenon diff`: what two checkpoints do not have in common.
struct DiffCommand: CheckpointCommand {
  static let configuration = CommandConfiguration(
    commandName: "diff",
    abstract: "Compare two checkpoints.",
    discussion: """
      The two may be of different formats, cut into different shards and of different types. \
      Status 0 means that they are the same, 1 that they differ.
      """)

  @Argument(help: "The one checkpoint.", completion: .file())
  var a: String

  @Argument(help: "The other.", completion: .file())
  var b: String

  @Flag(help: "Compare names, types and shapes; read no values.")
  var keysOnly = false

  @Option(
    help: ArgumentHelp(
      "Compare A under the names that this map gives: a JSON object of expressions and "
        + "replacements.", valueName: "file"),
    completion: .file(extensions: ["json"]))
  var map: String?

  @Option(
    help: ArgumentHelp(
      "Compare A under the names after this change (repeatable).",
      valueName: "regex=replacement"))
  var rename: [String] = []

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("How far values may be apart.", valueName: "x"))
  var atol = 0.0

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "How far values may be apart as a part of the larger of the two.", valueName: "x"))
  var rtol = 0.0

  @Flag(help: "A type that holds the same values is no difference.")
  var ignoreDtype = false

  @Flag(help: "Point out tensors that the other holds under another name.")
  var moved = false

  @OptionGroup(title: HDF5Options.title)
  var hdf5: HDF5Options

  @OptionGroup
  var work: WorkOptions

  @Flag(help: "Print one JSON object, see tenon-json(5).")
  var json = false

  func validate() throws {
    for (name, value) in [("--atol", atol), ("--rtol", rtol)] where !value.isFinite || value < 0 {
      throw ValidationError("\(name) must be a number that is not negative")
    }
    if map != nil, !rename.isEmpty {
      throw ValidationError("--map and --rename exclude each other")
    }
    if keysOnly, atol != 0 || rtol != 0 {
      throw ValidationError("--atol and --rtol are about values; leave out --keys-only")
    }
    try requireUsage { () throws(CheckpointError) in _ = try RenameRule.typed(rename) }
    if keysOnly, moved { throw ValidationError("--moved reads values; leave out --keys-only") }
  }

  func perform() throws(CheckpointError) -> ExitCode {
    let first = try open(a)
    let second = try open(b)
    let pairing = CheckpointPairing(first, second, names: try names(of: first))
    let diff = CheckpointDiff(pairing, options: options)
    let progress = Progress(total: diff.byteCount)
    let difference = try ProgressLine.show(progress, quiet: work.quiet) {
      () throws(CheckpointError) in
      try diff.run(progress: progress)
    }
    if json {
      StandardOutput.write(DiffJSON.document(difference))
    } else {
      StandardOutput.write(DiffText.report(difference, first, second))
    }
    return difference.isSame ? .success : ExitCode(1)
  }

  /// A checkpoint with all its numbers, also those that no tensor can have.
  private func open(_ path: String) throws(CheckpointError) -> Checkpoint {
    var checkpoint = try hdf5.open(path)
    checkpoint.records += checkpoint.unsupported
    return checkpoint
  }

  /// What the tensors of A are called after their renaming, if there is one.
  private func names(of checkpoint: Checkpoint) throws(CheckpointError) -> [String]? {
    guard map != nil || !rename.isEmpty else { return nil }
    let rules = try RenameRule.typed(rename)
    var draft = try RenamingDraft(checkpoint)
    if let map { try draft.apply(KeyMap(path: map), as: .map(map)) }
    if !rules.isEmpty { try draft.apply(KeyMap(rules), as: .rule) }
    try draft.requireDistinct()
    return draft.names
  }

  private var options: DifferenceOptions {
    var options = DifferenceOptions()
    options.isHeadersOnly = keysOnly
    options.tolerance = Tolerance(absolute: atol, relative: rtol)
    options.ignoresTypes = ignoreDtype
    options.findsMoved = moved
    options.threads = work.workerCount
    return options
  }
}
