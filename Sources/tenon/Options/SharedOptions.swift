import ArgumentParser
import Formats
import Inspect
import Merge

/// Which tensors a command is to speak of.
struct FilterOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Only tensors whose whole name matches (repeatable).",
      discussion:
        "* stands for one segment between dots, ** for any, {a,b} for either, [0-9] for one.",
      valueName: "glob"))
  var include: [String] = []

  @Option(help: ArgumentHelp("Leave out tensors whose whole name matches.", valueName: "glob"))
  var exclude: [String] = []

  func validate() throws {
    do throws(CheckpointError) {
      _ = try filter()
    } catch {
      throw ValidationError(error.description)
    }
  }

  func filter() throws(CheckpointError) -> NameFilter {
    try NameFilter(include: include, exclude: exclude)
  }
}

/// Where the output goes and how it is written.
struct WriteOptions: ParsableArguments {
  @Option(
    name: [.customShort("o"), .long],
    help: ArgumentHelp(
      "Where to write: a name ending in .safetensors, .bin, .pt, .pth, .h5 or .hdf5 is one "
        + "file of that format, any other a directory.",
      valueName: "out"))
  var output: String

  @Flag(help: "Replace the output if it exists.")
  var force = false

  @Option(help: ArgumentHelp("Convert float tensors to this type.", valueName: "type"))
  var dtype: ElementTypeName?

  @Option(
    help: ArgumentHelp(
      "The most bytes of tensors in a file, as 5GB or 2GiB (default: as the input is cut; for convert 5GB).",
      valueName: "size"))
  var maxShardSize: ByteSize?

  @Option(
    help: ArgumentHelp(
      "The most memory to use (default: 1GiB; the work rarely needs a tenth of it).",
      valueName: "size"))
  var maxMemory: ByteSize?

  @Option(help: ArgumentHelp("How many threads work (default: one a core).", valueName: "n"))
  var threads: Int?

  @Option(
    help: ArgumentHelp(
      "How an HDF5 output is compressed: gzip or zstd, with a level as in gzip:6, or none.",
      valueName: "how"))
  var compress: CompressionName?

  @Flag(help: "Show what would be done and write nothing.")
  var dryRun = false

  @Flag(help: "Show no progress.")
  var quiet = false

  func validate() throws {
    try ThreadCount.validate(threads)
    if output.isEmpty { throw ValidationError("--output must not be empty") }
  }
}

/// What `--threads` may be.
enum ThreadCount {
  static func validate(_ threads: Int?) throws {
    guard let threads, !(1...1024).contains(threads) else { return }
    throw ValidationError("--threads must be between 1 and 1024")
  }
}
