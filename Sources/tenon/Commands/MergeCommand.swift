public import ArgumentParser
import Formats
import Glibc
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

  @OptionGroup
  var reading: AdapterOptions

  @OptionGroup(title: "Output")
  var write: WriteOptions

  @Option(
    help: ArgumentHelp(
      "Where roundings happen: exact (once, to the output type) or peft (as PEFT does).",
      valueName: "exact|peft"))
  var numerics = Numerics.exact

  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws { try reading.validate(adapterCount: adapters.count) }

  func perform() throws(CheckpointError) -> ExitCode {
    // Refused before anything is read: the user may have to think again.
    let transaction = try OutputTransaction(
      path: write.output, force: write.force, inputs: [base] + adapters)
    var options = write.outputOptions(numerics, for: transaction)
    try write.requireCompressible(options.format)
    options.keepsTied = reading.keepTied
    let merge = try reading.parts(base, adapters).merge(options)
    try transaction.protect(merge.plan.inputs)
    if write.dryRun {
      show(MergeReport(merge, statistics: []), output: nil)
      return .success
    }
    let progress = Progress(total: merge.plan.byteCount)
    let results = try ProgressLine.show(progress, quiet: write.quiet) {
      () throws(CheckpointError) in
      try Execution(merge.plan, threads: write.workerCount).run(transaction, progress: progress)
    }
    show(MergeReport(merge, statistics: results.statistics), output: transaction.path)
    return .success
  }

  private func show(_ report: MergeReport, output: String?) {
    if json {
      StandardOutput.write(
        MergeJSON.document(report, output: write.output, isDryRun: output == nil), after: output)
    } else {
      StandardOutput.write(
        MergeText.report(report, output: write.output, isDryRun: output == nil), after: output)
      StandardError.report(report.findings)
    }
  }
}

extension Numerics: ExpressibleByArgument {}

extension WriteOptions {
  /// One worker for each core that this process may use.
  static var coreCount: Int { max(1, min(64, sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }

  /// Refuses to compress what has no place for compressed tensors.
  func requireCompressible(_ format: OutputFormat) throws(CheckpointError) {
    guard compress?.compression != nil, format != .hdf5 else { return }
    throw CheckpointError(
      path: output, "is to be \(format.rawValue), which --compress does not concern",
      fix: "leave out --compress, or choose a name that ends in .h5")
  }

  var workerCount: Int { threads ?? Self.coreCount }

  func outputOptions(_ numerics: Numerics, for transaction: OutputTransaction)
    -> OutputOptions
  {
    var options = OutputOptions(
      type: dtype?.type, format: OutputFormat(outputPath: output) ?? .safetensors,
      numerics: numerics,
      maximumMemory: maxMemory?.bytes ?? OutputOptions.defaultMaximumMemory,
      threads: workerCount, maximumShardSize: maxShardSize?.bytes,
      isSingleFile: transaction.kind == .file)
    options.compression = compress?.compression
    return options
  }
}
