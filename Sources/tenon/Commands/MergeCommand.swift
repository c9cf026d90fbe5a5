public import ArgumentParser
import Formats
import Glibc
import Inspect
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

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "How much of an adapter to add: one for each adapter, in their order; 1 where left out.",
      valueName: "weight"))
  var weight: [Double] = []

  @Flag(help: "Subtract the adapters: take a merge back.")
  var unmerge = false

  @Option(
    help: ArgumentHelp(
      "Merge only into modules whose path matches; may be given more than once.",
      valueName: "glob"))
  var include: [String] = []

  @Flag(
    help: """
      Keep tied embeddings one tensor, which an adapter on either of them then changes, as PEFT \
      does.
      """)
  var keepTied = false

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
    guard weight.allSatisfy(\.isFinite) else {
      throw ValidationError("--weight must be a finite number")
    }
    guard weight.count <= adapters.count else {
      throw ValidationError("\(weight.count) weights for \(adapters.count) adapters")
    }
  }

  func perform() throws(CheckpointError) -> ExitCode {
    // Refused before anything is read: the user may have to think again.
    let transaction = try OutputTransaction(
      path: write.output, force: write.force, inputs: [base] + adapters)
    var options = try write.outputOptions(numerics, for: transaction)
    options.keepsTied = keepTied
    let merge =
      adapters.isEmpty
      ? try AdapterMerge(
        try WrappedCheckpoint(try Checkpoint.open(base), alpha: alpha), options: options)
      : try AdapterMerge(
        base: try Checkpoint.open(base), adapters: try weightedAdapters(), options: options)
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

  private func weightedAdapters() throws(CheckpointError) -> [WeightedAdapter] {
    let filter = try NameFilter(include: include)
    var weighted: [WeightedAdapter] = []
    for (position, path) in adapters.enumerated() {
      let source = try Checkpoint.open(path).adapterPart()
      let adapter = try readAdapter(source)
      let share = position < weight.count ? weight[position] : 1
      var part = WeightedAdapter(
        filter.isEmpty ? adapter : try limited(adapter, to: filter),
        weight: unmerge ? -share : share, from: source)
      part.findings += notes(adapter)
      weighted.append(part)
    }
    return weighted
  }

  private func limited(_ adapter: Adapter, to filter: NameFilter) throws(CheckpointError)
    -> Adapter
  {
    let part = adapter.limited(to: filter)
    guard part.modules.isEmpty, part.replacements.isEmpty else { return part }
    throw CheckpointError(
      path: adapter.path, "none of its modules matches --include \(include.joined(separator: " "))",
      fix: "tenon inspect \(shellQuoted(adapter.path)) --keys")
  }

  private func readAdapter(_ source: Checkpoint) throws(CheckpointError) -> Adapter {
    guard let adapter = try Adapter.read(source, alpha: alpha) else {
      throw CheckpointError(
        path: source.path, "holds no tensors of an adapter: no lora_A, no lora_B and no other kind",
        fix: "tenon inspect \(shellQuoted(source.path))")
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
