public import ArgumentParser
import Formats
public import Merge

/// `tenon merge`: W + scale · B·A.
struct MergeCommand: CheckpointCommand {
  static let configuration = CommandConfiguration(
    commandName: "merge",
    abstract: "Add adapters to the model they were trained on.",
    discussion: """
      Writes base + scale · B·A for every module that an adapter targets and copies everything \
      else as it is, together with the configuration, the tokenizer and the other side files of \
      the base. Every tensor of an adapter is used exactly once, or nothing is written and the \
      unused ones are named. Several adapters are added in one pass, each times its --weight.
      """)

  @Argument(help: "The model that the adapter was trained on.", completion: .file())
  var base: String

  @Argument(
    help: "The adapters; none where the checkpoint holds base and adapter in one.",
    completion: .file())
  var adapters: [String] = []

  @OptionGroup(title: WriteOptions.title)
  var place: OutputPlace

  @OptionGroup(title: WriteOptions.title)
  var write: WriteOptions

  @OptionGroup
  var reading: AdapterOptions

  @Option(
    help: ArgumentHelp(
      "Where roundings happen: exact (once, to the output type) or peft (as PEFT does).",
      valueName: "exact|peft"))
  var numerics = Numerics.exact

  @Flag(help: "Print one JSON object, see tenon-json(5).")
  var json = false

  func validate() throws { try reading.validate(adapterCount: adapters.count) }

  func perform() throws(CheckpointError) -> ExitCode {
    // Refused before anything is read: the user may have to think again.
    let transaction = try write.transaction(place.output, inputs: [base] + adapters)
    var options = try write.outputOptions(for: transaction)
    options.type = place.dtype?.type
    options.numerics = numerics
    options.keepsTied = reading.keepTied
    let merge = try reading.parts(base, adapters).merge(options)
    try transaction.protect(merge.plan.inputs)
    if write.dryRun {
      show(MergeReport(merge, statistics: []), output: nil)
      return .success
    }
    let progress = Progress(total: merge.plan.byteCount)
    let results = try ProgressLine.show(progress, quiet: write.work.quiet) {
      () throws(CheckpointError) in
      try Execution(merge.plan, threads: options.threads).run(transaction, progress: progress)
    }
    var report = MergeReport(merge, statistics: results.statistics, losses: results.losses)
    report.byteCount -= results.savedByteCount
    show(report, output: transaction.path)
    return .success
  }

  private func show(_ report: MergeReport, output: String?) {
    if json {
      StandardOutput.write(
        MergeJSON.document(report, output: place.output, isDryRun: output == nil), after: output)
    } else {
      StandardOutput.write(
        MergeText.report(report, output: place.output, isDryRun: output == nil), after: output)
      StandardError.report(report.findings)
    }
  }
}

extension Numerics: ExpressibleByArgument {}
