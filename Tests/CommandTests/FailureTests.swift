import Foundation
import Testing

/// A merge that fails on the way leaves nothing beside its output.
@Suite struct FailureTests {
  static let group = "fixtures/peft/llama-bf16"

  private func sandbox() throws -> Sandbox {
    let sandbox = try Sandbox()
    try sandbox.copy("\(Self.group)/base", as: "base")
    try sandbox.copy("\(Self.group)/adapter-plain", as: "adapter")
    try sandbox.copy("\(Self.group)/merged-rslora", as: "old")
    return sandbox
  }

  /// Outputs and, in blocks of 512 bytes, how large a file may become.
  static let cases: [(options: [String], blockLimit: Int)] = [
    (["-o", "merged"], 0),
    (["-o", "merged"], 20),
    (["-o", "merged.safetensors"], 20),
    (["-o", "merged", "--max-shard-size", "8KB"], 10),
    (["-o", "old", "--force"], 20),
    (["-o", "old", "--force", "--no-sync"], 20),
  ]

  @Test(arguments: cases)
  func `a write that fails leaves everything as it was`(options: [String], blockLimit: Int)
    async throws
  {
    let sandbox = try sandbox()
    let before = try sandbox.contents()
    let outcome = try await sandbox.tenon(
      ["merge", "base", "adapter"] + options, blockLimit: blockLimit)
    #expect(outcome.status == "2", "\(outcome.stderr)")
    #expect(outcome.stdout == "")
    #expect(outcome.stderr.contains("file too large"), "\(outcome.stderr)")
    // The temporary name is nobody's business.
    #expect(!outcome.stderr.contains(".tenon-"), "\(outcome.stderr)")
    #expect(try sandbox.contents() == before)
  }

  @Test(arguments: [[], ["--json"]])
  func `a report that cannot be printed does not hide that the output is there`(
    options: [String]
  ) async throws {
    let sandbox = try sandbox()
    let script = #"exec "$@" > /dev/full"#
    let outcome = try await sandbox.run(
      sandbox.configuration(
        ["-c", script, "sh", Sandbox.tool, "merge", "base", "adapter", "-o", "new.safetensors"]
          + options, executable: "/bin/sh"))
    #expect(outcome.status == "2")
    #expect(
      outcome.stderr == "tenon: new.safetensors: is written, but the report could not be printed: "
        + "no space left on device\n")
    #expect(try sandbox.names().contains("new.safetensors"))
  }

  @Test(arguments: [["-o", "merged"], ["-o", "old", "--force"]])
  func `a side file that cannot be copied after the tensors leaves everything as it was`(
    options: [String]
  ) async throws {
    let sandbox = try sandbox()
    try sandbox.write(Data(count: 200_000), to: "base/vocabulary.json")
    let before = try sandbox.contents()
    let outcome = try await sandbox.tenon(["merge", "base", "adapter"] + options, blockLimit: 200)
    #expect(outcome.status == "2", "\(outcome.stderr)")
    #expect(outcome.stderr.contains("vocabulary.json"), "\(outcome.stderr)")
    #expect(try sandbox.contents() == before)
  }

  @Test func `a failed write is an error object with --json`() async throws {
    let sandbox = try sandbox()
    let outcome = try await sandbox.tenon(
      ["merge", "base", "adapter", "-o", "merged", "--json"], blockLimit: 20)
    #expect(outcome.status == "2", "\(outcome.stderr)")
    #expect(outcome.stdout.hasPrefix(#"{"schema":1,"error":{"path":"#), "\(outcome.stdout)")
  }

  @Test func `the limit is one of the files, not of the tool`() async throws {
    let outcome = try await sandbox().tenon(
      ["merge", "base", "adapter", "-o", "merged"], blockLimit: 2000)
    #expect(outcome.status == "0", "\(outcome.stderr)")
  }
}
