public import ArgumentParser
import Compute
public import Formats
import Inspect
import Merge

/// `tenon convert`: the same tensors in another format or of another type.
struct ConvertCommand: CheckpointCommand {
  static let configuration = CommandConfiguration(
    commandName: "convert",
    abstract: "Write a checkpoint in another format, type or number of files.",
    discussion: """
      Between safetensors, PyTorch and HDF5 in all directions; the name of the output says \
      which. Tensors of which nothing changes keep every bit; with --dtype, what the type cannot hold \
      is counted and told. Names that share one tensor share it in a PyTorch or HDF5 output; \
      for safetensors one name is kept and the others are noted in the metadata.
      """)

  @Argument(help: "A file of tensors, an index or a directory.", completion: .file())
  var path: String

  @OptionGroup(title: WriteOptions.title)
  var place: OutputPlace

  @OptionGroup(title: WriteOptions.title)
  var write: WriteOptions

  @Option(
    help: ArgumentHelp(
      "The format of a directory: safetensors (the default), pytorch or hdf5.", valueName: "format")
  )
  var format: OutputFormat?

  @Flag(help: "Write tensors that share their data each by itself.")
  var keepShared = false

  @Option(
    help: ArgumentHelp(
      "The keys that lead to the tensors inside a PyTorch file, as model.state_dict.",
      valueName: "key.key"))
  var root: String?

  @Flag(
    help: ArgumentHelp(
      "Only what was trained, of a DeepSpeed checkpoint.",
      discussion: """
        A run that trained an adapter gives the adapter, with the names PEFT saves and the \
        adapter_config.json found beside the checkpoint.
        """))
  var trainableOnly = false

  @OptionGroup(title: HDF5Options.title)
  var hdf5: HDF5Options

  @OptionGroup(title: "Which tensors")
  var filter: FilterOptions

  @Flag(help: "Print one JSON object, see tenon-json(5).")
  var json = false

  /// What Hugging Face's writers put into a file at most.
  private static let defaultShardSize = 5_000_000_000

  func validate() throws {
    guard let format, let named = OutputFormat(outputPath: place.output) else { return }
    if named != format {
      throw ValidationError(
        "--format \(format.rawValue) contradicts the name \(place.output), "
          + "which asks for \(named.rawValue)")
    }
  }

  func perform() throws(CheckpointError) -> ExitCode {
    let filter = try filter.filter()
    // Refused before anything is read: the user may have to think again.
    let transaction = try write.transaction(place.output, inputs: [path])
    var options = try write.outputOptions(for: transaction, format: format)
    options.type = place.dtype?.type
    options.maximumShardSize = options.maximumShardSize ?? Self.defaultShardSize
    let checkpoint = try open()
    // What DeepSpeed keeps of the parameters is float32, and so is its state dict.
    if checkpoint.format == .deepspeed { options.type = options.type ?? .f32 }
    let conversion = try CheckpointConversion(
      checkpoint, filter: filter, keepsShared: keepShared, options: options)
    if write.dryRun {
      show(conversion, to: transaction, options.format, results: nil)
      return .success
    }
    let progress = Progress(total: conversion.plan.byteCount)
    let results = try ProgressLine.show(progress, quiet: write.work.quiet) {
      () throws(CheckpointError) in
      try Execution(conversion.plan, threads: options.threads)
        .run(transaction, progress: progress)
    }
    show(conversion, to: transaction, options.format, results: results)
    return .success
  }

  private func open() throws(CheckpointError) -> Checkpoint {
    let keys = root?.split(separator: ".").map(String.init)
    let opening = Checkpoint.OpeningOptions(root: keys, prefersZero: trainableOnly)
    let checkpoint = try Checkpoint.open(path, options: hdf5.opening(opening))
    guard keys == nil || checkpoint.format != .safetensors else {
      throw CheckpointError(
        path: path, "is safetensors, which has no containers that --root could choose from",
        fix: "leave out --root")
    }
    return trainableOnly ? try checkpoint.trainedPart() : checkpoint
  }

  private func show(
    _ conversion: CheckpointConversion, to transaction: OutputTransaction, _ format: OutputFormat,
    results: Execution.Results?
  ) {
    let report = ConversionReport(conversion, format: format, results: results)
    let isDryRun = results == nil
    let output = isDryRun ? nil : transaction.path
    if json {
      StandardOutput.write(
        ConvertJSON.document(report, output: place.output, isDryRun: isDryRun), after: output)
    } else {
      StandardOutput.write(
        ConvertText.report(report, output: place.output, isDryRun: isDryRun), after: output)
      StandardError.report(report.findings)
    }
  }
}

extension OutputFormat: ExpressibleByArgument {}
