import ArgumentParser
import Formats
import Merge

/// `tenon verify`: is MERGED = BASE + ADAPTER?
struct VerifyCommand: CheckpointCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Tell whether a merged model is its base with its adapters.",
    discussion: """
      Computes base + scale · B·A again and compares it with the merged model, whoever made it, \
      in whatever format, shards and type. Status 0 means that every target has the expected bits \
      and that nothing else changed, 1 that this is not so.
      """)

  @Argument(help: "The model that the adapter was trained on.", completion: .file())
  var base: String

  @Argument(
    help: "The adapters; none where the checkpoint holds base and adapter in one.",
    completion: .file())
  var adapters: [String] = []

  @Option(help: ArgumentHelp("The merged model.", valueName: "merged"), completion: .file())
  var merged: String

  @OptionGroup
  var reading: AdapterOptions

  @Option(
    help: ArgumentHelp(
      "Compare with these roundings alone (default: find out which were made).",
      valueName: "exact|peft"))
  var numerics: Numerics?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "How many units in the last place of its terms an element may be off.",
      valueName: "n"))
  var ulp = 0.0

  @OptionGroup
  var memory: MemoryOptions

  @OptionGroup
  var work: WorkOptions

  @Flag(help: "Print one JSON object, see tenon-json(5).")
  var json = false

  func validate() throws {
    try reading.validate(adapterCount: adapters.count)
    if !ulp.isFinite || ulp < 0 {
      throw ValidationError("--ulp must be a number that is not negative")
    }
  }

  func perform() throws(CheckpointError) -> ExitCode {
    let parts = try reading.parts(base, adapters)
    let verification = try MergeVerification(
      base: parts.base, merged: try reading.hdf5.open(merged), options: options
    ) { (options) throws(CheckpointError) in try parts.merge(options).plan }
    let progress = Progress(total: verification.byteCount)
    let report = try ProgressLine.show(progress, quiet: work.quiet) { () throws(CheckpointError) in
      try verification.run(progress: progress)
    }
    if json {
      StandardOutput.write(VerifyJSON.document(report, tolerance: ulp))
    } else {
      StandardOutput.write(VerifyText.report(report, tolerance: ulp))
      StandardError.report(report.findings)
    }
    return report.isEqual(tolerance: ulp) ? .success : ExitCode(1)
  }

  private var options: MergeVerification.Options {
    var options = MergeVerification.Options()
    options.numerics = numerics
    options.keepsTied = reading.keepTied
    options.threads = work.workerCount
    options.maximumMemory = memory.byteCount
    return options
  }
}
