import Formats
import Glibc

/// Results: what a command was asked for.
enum StandardOutput {
  /// Writes a result. `output` is what the command wrote before, so that nobody takes it
  /// for lost where its report is.
  static func write(_ text: String, after output: String? = nil) {
    writeAll(text.utf8.span, to: STDOUT_FILENO, after: output)
  }

  static func write(_ bytes: [UInt8], after output: String? = nil) {
    writeAll(bytes.span, to: STDOUT_FILENO, after: output)
  }
}

/// Everything else: errors, notes, progress.
enum StandardError {
  static var isTerminal: Bool { isatty(STDERR_FILENO) == 1 }

  static func write(_ text: String) { writeAll(text.utf8.span, to: STDERR_FILENO) }

  /// Tells an error and what to do about it.
  static func report(_ error: CheckpointError) {
    write("tenon: \(error)\n")
    for line in error.details { write("tenon:   \(line)\n") }
    if let fix = error.fix { write("tenon: try: \(fix)\n") }
  }

  /// Tells findings, one line each.
  static func report(_ findings: [Finding]) {
    for finding in findings {
      write("tenon: \(finding.severity.rawValue): \(finding.message)\n")
      if let fix = finding.fix { write("tenon: try: \(fix)\n") }
    }
  }
}

private func writeAll(_ bytes: Span<UInt8>, to descriptor: Int32, after output: String? = nil) {
  var done = 0
  while done < bytes.count {
    let count = unsafe bytes.withUnsafeBufferPointer { buffer in
      unsafe Glibc.write(
        descriptor, buffer.baseAddress.map { unsafe $0 + done }, buffer.count - done)
    }
    if count > 0 {
      done += count
    } else if errno != EINTR {
      let code = errno
      guard descriptor == STDOUT_FILENO else { return }
      // A reader that has seen enough is no failure.
      if code == EPIPE { exit(0) }
      let failure = systemMessage(code)
      StandardError.report(
        output.map {
          CheckpointError(path: $0, "is written, but the report could not be printed: \(failure)")
        } ?? CheckpointError(path: "standard output", failure))
      exit(2)
    }
  }
}
