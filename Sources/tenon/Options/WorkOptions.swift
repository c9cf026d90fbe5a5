import ArgumentParser
import Glibc
import Merge

/// How much of the machine a command may take.
struct WorkOptions: ParsableArguments {
  @Option(help: ArgumentHelp("How many threads work (default: one a core).", valueName: "n"))
  var threads: Int?

  @Flag(help: "Show no progress.")
  var quiet = false

  func validate() throws {
    guard let threads, !(1...1024).contains(threads) else { return }
    throw ValidationError("--threads must be between 1 and 1024")
  }

  /// One worker for each core that this process may use, unless it is told otherwise.
  var workerCount: Int {
    threads ?? max(1, min(64, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
  }
}

/// How much memory a command that reads and computes block by block may take.
struct MemoryOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The most memory to use (default: 1GiB; the work rarely needs a tenth of it).",
      valueName: "size"))
  var maxMemory: ByteSize?

  var byteCount: Int { maxMemory?.bytes ?? OutputOptions.defaultMaximumMemory }
}
