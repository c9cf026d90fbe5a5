import Foundation
import Testing

/// A command line and what it has to print, from a folder of `Golden`.
struct GoldenCase: CustomTestStringConvertible, Sendable {
  let name: String
  var testDescription: String { name }

  static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "Golden")

  /// What a folder may hold; Golden/README.md says what each file is.
  static let required = ["arguments", "status", "stderr", "stdout"]
  static let optional = ["changes", "given"]

  /// All cases, in the order of their names.
  static let all: [GoldenCase] = {
    let urls = try? FileManager.default.contentsOfDirectory(
      at: folder, includingPropertiesForKeys: [.isDirectoryKey])
    return (urls ?? []).filter(\.hasDirectoryPath).map { GoldenCase(name: $0.lastPathComponent) }
      .sorted { $0.name < $1.name }
  }()

  var url: URL { Self.folder.appending(path: name) }

  /// The text of one file, or nil where there is none.
  func text(_ file: String) -> String? {
    try? String(contentsOf: url.appending(path: file), encoding: .utf8)
  }

  func lines(_ file: String) -> [String] {
    (text(file) ?? "").split(separator: "\n").map(String.init)
  }

  /// Runs the command line and describes its results, by the names of the files.
  func run() async throws -> [String: String] {
    let sandbox = try Sandbox()
    for line in lines("given") {
      let words = line.split(separator: " ").map(String.init)
      try sandbox.copy(words[0], as: words.count > 1 ? words[1] : nil)
    }
    // Folders before what they hold.
    for argument in lines("arguments").sorted() where isFixture(argument) {
      try sandbox.copyIfAbsent(argument)
    }
    let before = try sandbox.contents()
    let outcome = try await sandbox.tenon(lines("arguments"))
    return [
      "stdout": outcome.stdout, "stderr": outcome.stderr, "status": outcome.status + "\n",
      "changes": Self.changes(from: before, to: try sandbox.contents()),
    ]
  }

  private func isFixture(_ argument: String) -> Bool {
    argument.hasPrefix("fixtures/")
      && FileManager.default.fileExists(
        atPath: Sandbox.repository.appending(path: argument).path)
  }

  /// One line for each file or directory that came, went or changed.
  private static func changes(from before: [String: Data], to after: [String: Data]) -> String {
    Set(before.keys).union(after.keys).sorted().map { name in
      switch (before[name], after[name]) {
      case (nil, _): "new \(name)\n"
      case (_, nil): "gone \(name)\n"
      case (let old, let new): old == new ? "" : "changed \(name)\n"
      }
    }.joined()
  }

  /// Writes what the run gave as what it has to give.
  func record(_ results: [String: String]) throws {
    for (file, text) in results {
      let target = url.appending(path: file)
      if text.isEmpty, !Self.required.contains(file) {
        try? FileManager.default.removeItem(at: target)
      } else {
        try text.write(to: target, atomically: true, encoding: .utf8)
      }
    }
  }
}
