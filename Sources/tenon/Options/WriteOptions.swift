import ArgumentParser
import Formats
import Merge

/// How the output is written, whichever command makes it.
struct WriteOptions: ParsableArguments {
  /// The heading over everything about the output in the help.
  static let title = "Output"

  @Flag(help: "Replace the output if it exists.")
  var force = false

  @Option(
    help: ArgumentHelp(
      "The most bytes of tensors in a file, as 5GB or 2GiB (default: as the input is cut; for "
        + "convert 5GB).",
      valueName: "size"))
  var maxShardSize: ByteSize?

  @Option(
    help: ArgumentHelp(
      "How an HDF5 output is compressed: gzip (levels 1 to 9, as in gzip:6), "
        + "zstd (1 to 22) or none.",
      valueName: "how"), transform: CompressionName.init(typed:))
  var compress: CompressionName?

  @Flag(
    help: "Do not wait until the output is on the disk. As with cp, a loss of power may spoil it.")
  var noSync = false

  @Flag(help: "Show what would be done and write nothing.")
  var dryRun = false

  @OptionGroup
  var memory: MemoryOptions

  @OptionGroup
  var work: WorkOptions

  /// The output at `path`, checked before anything is read.
  func transaction(_ path: String, inputs: [String]) throws(CheckpointError) -> OutputTransaction {
    try OutputTransaction(path: path, force: force, inputs: inputs, isSynced: !noSync)
  }

  /// What is asked of the output `transaction`; its name says the format, unless that is
  /// given. Compression is refused where the format has no place for it.
  func outputOptions(for transaction: OutputTransaction, format: OutputFormat? = nil)
    throws(CheckpointError) -> OutputOptions
  {
    let format = format ?? OutputFormat(outputPath: transaction.path) ?? .safetensors
    guard compress?.compression == nil || format == .hdf5 else {
      throw CheckpointError(
        path: transaction.path,
        "is to be \(format.rawValue), which --compress does not concern",
        fix: "leave out --compress, or choose a name that ends in .h5")
    }
    var options = OutputOptions(
      format: format, maximumMemory: memory.byteCount, threads: work.workerCount,
      maximumShardSize: maxShardSize?.bytes, isSingleFile: transaction.kind == .file)
    options.compression = compress?.compression
    return options
  }
}

/// Where the output of a command goes that always has one, and which type it has.
struct OutputPlace: ParsableArguments {
  @Option(name: [.customShort("o"), .long], help: Self.help)
  var output: String

  @Option(help: ArgumentHelp("Convert float tensors to this type.", valueName: "type"))
  var dtype: ElementTypeName?

  static let help = ArgumentHelp(
    "Where to write: a name ending in .safetensors, .bin, .pt, .pth, .h5 or .hdf5 is one "
      + "file of that format, any other a directory.",
    valueName: "out")

  func validate() throws { try Self.validate(output) }

  static func validate(_ output: String?) throws {
    if output?.isEmpty == true { throw ValidationError("--output must not be empty") }
  }
}

/// Where the output of a command goes that may be asked for none.
struct OptionalOutputPlace: ParsableArguments {
  @Option(name: [.customShort("o"), .long], help: OutputPlace.help)
  var output: String?

  func validate() throws { try OutputPlace.validate(output) }
}
