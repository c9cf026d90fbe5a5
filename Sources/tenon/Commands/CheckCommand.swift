import ArgumentParser
import Formats
import Inspect
import Merge

/// `tenon check`: what is wrong, and what to type.
struct CheckCommand: CheckpointCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Tell what is wrong with a checkpoint or an adapter.",
    discussion: """
      Alone, the file's structure, names, configuration and side files are looked at, and an \
      adapter's values. With --base, --expect or --error-log it is told why it does not load, and \
      which command mends it. Status 0 means that there is nothing at the severity of a warning or \
      above, 1 that there is.
      """)

  @Argument(help: "A file, an index or a directory.", completion: .file())
  var path: String

  @Option(
    help: ArgumentHelp(
      "The model that it is to be loaded into or merged with.", valueName: "base"),
    completion: .file())
  var base: String?

  @Option(
    help: ArgumentHelp(
      "The names that a model wants: a text of them, or - for standard input; an index or a "
        + "checkpoint.",
      valueName: "keys"),
    completion: .file())
  var expect: String?

  @Option(
    help: ArgumentHelp(
      "The text of a failed load, or - for standard input.", valueName: "file"),
    completion: .file())
  var errorLog: String?

  @Flag(help: "Read all values: NaN and infinities.")
  var values = false

  @OptionGroup(title: HDF5Options.title)
  var hdf5: HDF5Options

  @Flag(help: "Show no progress.")
  var quiet = false

  @Flag(help: "Print one JSON object, see tenon-json(5).")
  var json = false

  func validate() throws {
    if [base, expect, errorLog].compactMap(\.self).count > 1 {
      throw ValidationError("--base, --expect and --error-log exclude each other")
    }
  }

  func perform() throws(CheckpointError) -> ExitCode {
    let reference = try reference()
    let checkpoint = try Checkpoint.open(
      path,
      options: hdf5.opening(
        Checkpoint.OpeningOptions(isTolerant: true, listsAbsentShards: true)))
    let check = CheckpointCheck(checkpoint)
    let progress = Progress(total: values ? check.valueByteCount : 0)
    let report = try ProgressLine.show(progress, quiet: quiet || !values) {
      () throws(CheckpointError) in
      try check.report(against: reference, readsValues: values) { record in
        progress.add(record.byteCount)
        progress.begin(record.name)
      }
    }
    if json {
      StandardOutput.write(CheckJSON.document(report))
    } else {
      StandardOutput.write(CheckText.report(report, tensors: checkpoint.records.count))
    }
    return report.isClean ? .success : ExitCode(1)
  }

  private func reference() throws(CheckpointError) -> CheckpointCheck.Reference {
    if let base { return .base(try hdf5.open(base)) }
    if let expect { return .expected(try hdf5.wantedKeys(expect)) }
    guard let errorLog else { return .nothing }
    let source = errorLog == "-" ? "standard input" : errorLog
    let bytes =
      errorLog == "-"
      ? try StandardInput.readAll(limit: Self.maximumLogByteCount)
      : try InputFile(path: errorLog).readAll(limit: Self.maximumLogByteCount)
    return .log(
      String(text: bytes) ?? String(decoding: bytes, as: UTF8.self), source: source,
      isFile: errorLog != "-")
  }

  /// The longest text of a failure that is read.
  private static let maximumLogByteCount = 256 << 20
}
