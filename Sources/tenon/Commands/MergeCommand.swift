public import ArgumentParser
import Formats
import Glibc
import Inspect
public import Merge

/// `tenon merge`: W + scale · B·A.
struct MergeCommand: CheckpointCommand {
  static let configuration = CommandConfiguration(
    commandName: "merge",
    abstract: "Add a LoRA adapter to the model it was trained on.",
    discussion: """
      Writes base + scale · B·A for every module that the adapter targets and copies everything \
      else as it is, together with the configuration, the tokenizer and the other side files of \
      the base. Every tensor of the adapter is used exactly once, or nothing is written and the \
      unused ones are named.
      """)

  @Argument(help: "The model that the adapter was trained on.", completion: .file())
  var base: String

  @Argument(help: "The adapter.", completion: .file())
  var adapters: [String]

  @OptionGroup(title: "Output")
  var write: WriteOptions

  @Option(
    help: ArgumentHelp(
      "The lora_alpha of an adapter whose files do not hold it.", valueName: "alpha"))
  var alpha: Double?

  @Option(
    help: ArgumentHelp(
      "Where roundings happen: exact (once, to the output type) or peft (as PEFT does).",
      valueName: "exact|peft"))
  var numerics = Numerics.exact

  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    if let alpha, !alpha.isFinite { throw ValidationError("--alpha must be a finite number") }
  }

  func perform() throws(CheckpointError) -> ExitCode {
    guard adapters.count == 1 else {
      throw CheckpointError(
        "merging \(adapters.count) adapters at once is not supported yet",
        fix: "merge them one after the other")
    }
    // Refused before anything is read: the user may have to think again.
    let transaction = try OutputTransaction(
      path: write.output, force: write.force, inputs: [base] + adapters)
    let options = try write.outputOptions(numerics, for: transaction)
    let source = try Checkpoint.open(adapters[0]).adapterPart()
    let adapter = try readAdapter(source)
    let merge = try AdapterMerge(
      base: try Checkpoint.open(base), adapter: adapter, findings: source.findings + notes(adapter),
      options: options)
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

  /// An option that changes nothing is worth a word.
  private func notes(_ adapter: Adapter) -> [Finding] {
    guard let alpha, !adapter.modules.contains(where: { $0.alpha == alpha }) else { return [] }
    return [
      Finding(
        .warning, .configMismatch,
        "--alpha \(plain(alpha)) is not used: the files of the adapter say its lora_alpha")
    ]
  }

  private func readAdapter(_ source: Checkpoint) throws(CheckpointError) -> Adapter {
    guard let adapter = try Adapter.read(source, alpha: alpha) else {
      throw CheckpointError(
        path: adapters[0], "holds no tensors of an adapter: no lora_A, no lora_B and no other kind",
        fix: "tenon inspect \(shellQuoted(adapters[0]))")
    }
    return adapter
  }

  private func show(_ report: MergeReport, output: String?) {
    if json {
      StandardOutput.write(
        MergeJSON.document(report, output: write.output, isDryRun: output == nil))
    } else {
      StandardOutput.write(MergeText.report(report, output: write.output, isDryRun: output == nil))
      StandardError.report(report.findings)
    }
  }
}

extension Numerics: ExpressibleByArgument {}

extension WriteOptions {
  /// One worker for each core that this process may use.
  static var coreCount: Int { max(1, min(64, sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }

  var workerCount: Int { threads ?? Self.coreCount }

  func outputOptions(_ numerics: Numerics, for transaction: OutputTransaction)
    throws(CheckpointError) -> OutputOptions
  {
    OutputOptions(
      type: dtype?.type, format: try OutputFormat(outputPath: output) ?? .safetensors,
      numerics: numerics,
      maximumMemory: maxMemory?.bytes ?? OutputOptions.defaultMaximumMemory,
      threads: workerCount, maximumShardSize: maxShardSize?.bytes,
      isSingleFile: transaction.kind == .file)
  }
}
