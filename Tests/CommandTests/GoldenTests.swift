import Foundation
import Testing

/// Each folder of `Golden` is a command line with everything that it prints.
@Suite struct GoldenTests {
  /// With this variable in the environment the files are rewritten, and the run
  /// fails so that it is not mistaken for a test.
  static let recordingVariable = "TENON_RECORD_GOLDEN"
  static let isRecording = ProcessInfo.processInfo.environment[recordingVariable] != nil

  @Test(arguments: GoldenCase.all)
  func `the command prints what its golden files hold`(row: GoldenCase) async throws {
    let results = try await row.run()
    if Self.isRecording {
      try row.record(results)
      Issue.record("recorded; look at the difference and run without \(Self.recordingVariable)")
      return
    }
    for (file, found) in results.sorted(by: { $0.key < $1.key }) {
      let difference = firstDifference(expected: row.text(file) ?? "", found: found)
      #expect(difference == nil, "\(row.name)/\(file)")
    }
  }

  @Test func `there are golden files for the commands that write and those that show`() {
    for prefix in ["convert-", "help-", "inspect-", "merge-"] {
      #expect(GoldenCase.all.contains { $0.name.hasPrefix(prefix) }, "\(prefix)*")
    }
  }

  @Test(arguments: GoldenCase.all)
  func `each folder holds the files it needs and no other`(row: GoldenCase) throws {
    let found = Set(try FileManager.default.contentsOfDirectory(atPath: row.url.path))
    #expect(found.subtracting(GoldenCase.optional).sorted() == GoldenCase.required)
  }

  @Test(arguments: GoldenCase.all.filter { $0.lines("arguments").contains("--json") })
  func `with --json standard output is empty or one object that begins with the schema`(
    row: GoldenCase
  ) throws {
    let text = row.text("stdout") ?? ""
    guard row.text("status") != "64\n" else { return #expect(text.isEmpty) }
    #expect(text.hasPrefix(#"{"schema":1,"#))
    let object = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
    #expect((object?["error"] != nil) == (row.text("status") == "2\n"))
  }

  @Test(arguments: GoldenCase.all)
  func `failures print nothing but JSON on standard output and leave nothing behind`(
    row: GoldenCase
  ) {
    guard row.text("status") != "0\n" else { return }
    #expect(row.text("changes") == nil)
    // Status 1 is an answer: different, or findings.
    guard row.text("status") != "1\n" else { return }
    // Of several paths and of several shards, inspect shows those that it can read.
    let isPartial =
      row.lines("arguments").first == "inspect"
      && (row.lines("arguments").count { !$0.hasPrefix("-") } > 2
        || row.text("stderr")?.contains("names it as a shard") == true)
    if !row.lines("arguments").contains("--json"), !isPartial {
      #expect(row.text("stdout") == "")
    }
    #expect(row.text("stderr")?.hasPrefix("tenon: ") == true)
  }
}

/// The first line in which two texts differ, for a person to read.
func firstDifference(expected: String, found: String) -> String? {
  guard expected != found else { return nil }
  let expected = expected.split(separator: "\n", omittingEmptySubsequences: false)
  let found = found.split(separator: "\n", omittingEmptySubsequences: false)
  for index in 0..<max(expected.count, found.count) {
    let lines = [expected, found].map { index < $0.count ? "\"\($0[index])\"" : "no such line" }
    if lines[0] != lines[1] {
      return "line \(index + 1): expected \(lines[0]), found \(lines[1])"
    }
  }
  return "the line ends differ"
}
