import ArgumentParser
import Formats
import Glibc

/// The command `tenon` itself: it only names the others.
struct Tenon: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tenon",
    abstract: "Fit LoRA adapters to checkpoints: inspect, compare, merge and convert them.",
    discussion: """
      Wherever a PATH is taken it may be a tensor file (safetensors, PyTorch, HDF5), an index \
      (*.index.json) or a directory (a Hugging Face model, a PEFT adapter). What it is, is told by \
      its content, never by its name. No pickle is ever executed, no input ever modified.
      """,
    version: "0.1.0",
    subcommands: [
      InspectCommand.self, CheckCommand.self, DiffCommand.self, RemapCommand.self,
      MergeCommand.self, VerifyCommand.self, ConvertCommand.self,
    ])
}

@main
enum Main {
  /// Runs the command line and ends the process with its status.
  static func main() {
    holdStandardDescriptors()
    raiseFileLimit()
    ProcessMemory.returnWhenFreed()
    do {
      try checkWords()
      var command = try Tenon.parseAsRoot()
      try command.run()
    } catch {
      finish(error)
    }
  }

  /// A word that cannot be understood is told as every failure is.
  private static func checkWords() throws {
    do throws(CheckpointError) {
      try CommandWords.check()
    } catch {
      if CommandLine.arguments.contains("--json") { StandardOutput.write(failureJSON(error)) }
      StandardError.report(error)
      throw ExitCode(2)
    }
  }

  /// Ends the process as `error` asks: 0 for help, 64 for wrong usage, else the
  /// status that the command chose.
  private static func finish(_ error: any Error) -> Never {
    let status = Tenon.exitCode(for: error)
    let message = Tenon.fullMessage(for: error)
    if status == .success {
      StandardOutput.write(message + "\n")
    } else if !message.isEmpty {
      let text = message.hasPrefix("Error: ") ? String(message.dropFirst(7)) : message
      StandardError.write("tenon: \(text)\n")
    }
    exit(status.rawValue)
  }

  /// Where one of the standard descriptors is closed, the first file that is opened would
  /// have its number, and what is told would be written into it. Each is opened the wrong
  /// way round, so that using it stays an error.
  private static func holdStandardDescriptors() {
    for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
      // The lowest number that is free is the one.
      _ = unsafe open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY)
    }
  }

  /// A model can have more shards than the soft limit of open files.
  private static func raiseFileLimit() {
    var limit = rlimit()
    guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  }
}
