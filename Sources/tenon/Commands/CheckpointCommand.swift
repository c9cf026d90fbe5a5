import ArgumentParser
import Formats

/// A command that works on checkpoints: failures are told in one way.
protocol CheckpointCommand: ParsableCommand {
  /// Whether results and failures are JSON objects on standard output.
  var json: Bool { get }

  /// Does the work; the status is that of the process.
  func perform() throws(CheckpointError) -> ExitCode
}

extension CheckpointCommand {
  mutating func run() throws {
    let status: ExitCode
    do throws(CheckpointError) {
      status = try perform()
    } catch {
      if json { StandardOutput.write(failureJSON(error)) }
      StandardError.report(error)
      Interruption.resignal()
      throw ExitCode(2)
    }
    guard status == .success else { throw status }
  }
}
