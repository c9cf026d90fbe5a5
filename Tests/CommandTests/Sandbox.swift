import Foundation
import Subprocess
import SystemPackage
import TestSupport

/// A directory of its own in which the built tool runs.
///
/// Everything in it is named relative to it, so that what the tool prints holds
/// no path of the machine. It is gone when the test is over.
final class Sandbox: Sendable {
  /// The top of the repository.
  static let repository = URL(filePath: Fixtures.repository)

  /// The built tool, which lies beside the tests.
  static let tool = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
    .appending(path: "tenon").path

  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory
      .appending(path: "tenon-tests-\(UInt64.random(in: 0 ..< .max))")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  func url(_ name: String) -> URL { url.appending(path: name) }

  func data(_ name: String) throws -> Data { try Data(contentsOf: url(name)) }

  func write(_ data: Data, to name: String) throws {
    try makeDirectory(url(name).deletingLastPathComponent())
    try data.write(to: url(name))
  }

  private func makeDirectory(_ url: URL) throws {
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  /// Copies a file or directory of the repository, under its own path if no
  /// other name is given.
  func copy(_ source: String, as name: String? = nil) throws {
    let target = url(name ?? source)
    try makeDirectory(target.deletingLastPathComponent())
    try FileManager.default.copyItem(
      at: Self.repository.appending(path: source), to: target)
  }

  func copyIfAbsent(_ source: String) throws {
    if !FileManager.default.fileExists(atPath: url(source).path) { try copy(source) }
  }

  /// The names of everything in it, hidden files included.
  func names() throws -> [String] {
    try FileManager.default.subpathsOfDirectory(atPath: url.path).sorted()
  }

  /// Every file with its bytes, and every directory with none; hidden ones too.
  func contents() throws -> [String: Data] {
    var contents: [String: Data] = [:]
    for name in try names() {
      var isDirectory: ObjCBool = false
      _ = unsafe FileManager.default.fileExists(atPath: url(name).path, isDirectory: &isDirectory)
      contents[isDirectory.boolValue ? name + "/" : name] =
        isDirectory.boolValue ? Data() : try data(name)
    }
    return contents
  }
}

/// What a run of the tool said and how it ended.
struct Outcome {
  var stdout: String
  var stderr: String
  /// The exit status, or `signal 2` for a death by signal 2.
  var status: String
}

extension Sandbox {
  /// The tool in this directory, as if its output went to a file.
  func configuration(_ arguments: [String], executable: String = tool) -> Configuration {
    Configuration(
      executable: .path(FilePath(executable)), arguments: Arguments(arguments),
      // The width of the help is that of a terminal otherwise.
      environment: .inherit.updating(["COLUMNS": nil]), workingDirectory: FilePath(url.path))
  }

  /// The most that a run may print; a run that prints more fails the test.
  static let outputLimit = 16 << 20

  /// Runs the tool to its end.
  func tenon(_ arguments: String...) async throws -> Outcome { try await tenon(arguments) }

  func tenon(_ arguments: [String]) async throws -> Outcome {
    try await run(configuration(arguments))
  }

  /// Runs the tool while the shell limits what its files may hold, in blocks of
  /// 512 bytes: a write beyond it fails as it does on a full disk.
  func tenon(_ arguments: [String], blockLimit: Int) async throws -> Outcome {
    let script = #"ulimit -f "$1"; shift; exec "$@""#
    return try await run(
      configuration(
        ["-c", script, "sh", "\(blockLimit)", Self.tool] + arguments, executable: "/bin/sh"))
  }

  func run(_ configuration: Configuration) async throws -> Outcome {
    let result = try await Subprocess.run(
      configuration, output: .string(limit: Self.outputLimit),
      error: .string(limit: Self.outputLimit))
    return Outcome(
      stdout: result.standardOutput, stderr: result.standardError,
      status: describe(result.terminationStatus))
  }
}

func describe(_ status: TerminationStatus) -> String {
  switch status {
  case .exited(let code): "\(code)"
  case .signaled(let signal): "signal \(signal)"
  }
}
