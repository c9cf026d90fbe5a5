import Foundation
import TestSupport
import Testing

@testable import Formats
@testable import Inspect

/// Adapters whose file has a name by which nobody finds or reads it.
@Suite struct CheckFileNameTests {
  /// A copy of the adapter with its tensors under another name; `body` gets its path.
  private func renamed(_ name: String, _ body: (String) throws -> Void) throws {
    let directory = TemporaryDirectory()
    for (old, new) in [("adapter_config.json", "adapter_config.json"), ("adapter_model.bin", name)]
    {
      try FileManager.default.copyItem(
        atPath: Fixtures.path("peft/llama-bf16/adapter-bin/\(old)"), toPath: directory.path(new))
    }
    try body(directory.path)
  }

  private func told(_ findings: [Finding]) -> [String] {
    findings.map { "\($0.severity.rawValue) \($0.code.rawValue): \($0.message)" }
  }

  private static let unknown =
    "the tensors lie in \"my model.bin\", but PEFT looks for adapter_model.safetensors and "
    + "adapter_model.bin alone and finds no weights: the file has to be called adapter_model.bin"

  @Test func `PEFT looks for two names alone`() throws {
    try renamed("my model.bin") { path in
      let report = try CheckpointCheck(.open(path)).report(against: .nothing, readsValues: false)
      #expect(told(report.findings) == ["warning missing-side-file: \(Self.unknown)"])
      #expect(
        report.findings.map(\.fix) == ["mv '\(path)/my model.bin' \(path)/adapter_model.bin"])
    }
  }

  @Test func `a name by which programs take it for safetensors`() throws {
    try renamed("adapter_model.safetensors") { path in
      let log =
        "safetensors_rust.SafetensorError: Error while deserializing header: header too large"
      let report = try CheckpointCheck(.open(path)).report(
        against: .log(log, source: "log", isFile: false), readsValues: false)
      #expect(
        told(report.findings) == [
          "error index-mismatch: the file does not begin with a safetensors header: often a Git LFS "
            + "pointer or an error page in place of the file",
          "warning archive-mismatch: \"adapter_model.safetensors\" is no safetensors file: its format "
            + "is pytorch-zip, and programs that go by the name cannot read it",
        ])
      #expect(report.findings.map(\.fix) == [nil, "tenon convert \(path) -o OUT"])
    }
  }

  @Test(arguments: [
    (
      "HFValidationError: Repo id must be in the form 'a/b': 'x'.",
      "the path was taken for the name of a repository, as no directory has it, or as the file that "
        + "was looked for is not in it; a file inside of the directory is no path for PEFT or "
        + "transformers either"
    ),
    (
      "LocalEntryNotFoundError: Cannot find the requested files in the disk cache",
      "a file was looked for on the Hub, as no directory has the path that was given, or as the file "
        + "is not in it"
    ),
  ])
  func `what was not found lies there under another name`(log: String, told: String) throws {
    try renamed("my model.bin") { path in
      let report = try CheckpointCheck(.open(path)).report(
        against: .log(log, source: "log", isFile: false), readsValues: false)
      #expect(
        report.findings.first?.message
          == "\(told): \(path) is there, with its tensors in \"my model.bin\"")
    }
  }

  @Test(arguments: [
    (
      [],
      "x has all that it names, so that the log is about another directory, or about an older state of this one"
    ),
    (
      ["model-00002-of-00002.bin"],
      #"x lacks "model-00002-of-00002.bin" of those that its index names"#
    ),
  ])
  func `a shard was not there`(absent: [String], told: String) throws {
    var checkpoint = Checkpoint(
      path: "x", format: .safetensors, records: [tensor("model.norm.weight")])
    checkpoint.absentShards = absent.map {
      AbsentShard(name: $0, tensors: [], reason: CheckpointError(path: $0, "gone"))
    }
    let log = "FileNotFoundError: No such file or directory: y/model-00002-of-00002.bin"
    let failure = try #require(LoadLog(log).failures.first)
    #expect(
      failure.finding(of: Inspection(checkpoint)).message
        == "a shard was not there when the model was loaded: \(told)")
  }
}
