import Formats
import Testing

@testable import Inspect

/// Logs that are not about the file they are given with.
@Suite struct CheckOtherFileTests {
  private func report(
    _ names: [String], _ log: String, format: FileFormat = .safetensors
  ) throws -> CheckReport {
    try CheckpointCheck(
      Checkpoint(path: "x", format: format, records: names.map { tensor($0) })
    ).report(against: .log(log, source: "log", isFile: false), readsValues: false)
  }

  private func told(_ report: CheckReport) -> [String] {
    report.findings.filter { $0.severity > .note && $0.code != .zeroSizeTensor }.map {
      "\($0.severity.rawValue) \($0.code.rawValue): \($0.message)"
    }
  }

  private static let other = ": the log is about another file, or about an older state of this one"

  private static func keys(_ missing: [String], _ unexpected: [String]) -> String {
    (missing.isEmpty
      ? "" : "Missing key(s) in state_dict: \(missing.map(\.quoted).joined(separator: ", ")). ")
      + (unexpected.isEmpty
        ? ""
        : "Unexpected key(s) in state_dict: \(unexpected.map(\.quoted).joined(separator: ", ")). ")
  }

  @Test(arguments: [
    (
      keys(["t.a", "t.b", "lm_head.weight"], ["a", "b"]),
      "x holds all 2 keys that the log calls missing (t.a, … (2 patterns)) and none of the 2 that "
        + "it calls unexpected (a, … (2 patterns))"
    ),
    (keys(["t.a"], []), "x holds the one key that the log calls missing (t.a)"),
    (
      keys(["t.b"], ["c"]),
      "x holds the one key that the log calls missing (t.b) and not the one that it calls "
        + "unexpected (c)"
    ),
  ])
  func `what the log misses is there`(log: String, message: String) throws {
    let report = try report(["t.a", "t.b"], log)
    #expect(told(report) == ["warning missing-key: \(message)\(Self.other)"])
    #expect(report.findings.allSatisfy { $0.fix == nil } && report.suggestedMap == nil)
  }

  @Test(arguments: [keys(["t.a"], ["a"]), keys(["t.a", "t.b"], ["a", "b"])])
  func `what the log misses is there only under another name`(log: String) throws {
    let report = try report(["a", "b"], log)
    #expect(told(report).allSatisfy { !$0.contains(Self.other) })
    #expect(report.findings.contains { $0.fix?.hasPrefix("tenon remap x") == true })
  }

  @Test(arguments: [
    (["base_model.model.q.lora_A.weight", "base_model.model.q.lora_B.weight"], "all 2"),
    (["module.base_model.model.q.lora_A.weight", "q.lora_B.weight"], "all 2"),
    (["base_model.model.q.lora_A.weight", "v.lora_B.weight"], "1 of the 2"),
    (["base_model.model.v.lora_A.weight", "base_model.model.v.lora_B.weight"], nil),
  ])
  func `unexpected keys are the adapter's where it has them`(unexpected: [String], share: String?)
    throws
  {
    let report = try report(
      ["base_model.model.q.lora_A.weight", "base_model.model.q.lora_B.weight"],
      Self.keys(["q.weight"], unexpected))
    let message = told(report).first { $0.contains("missing-key") } ?? ""
    if let share {
      #expect(message.contains("; \(share) unexpected key"))
    } else {
      #expect(
        message == "warning missing-key: the log names 2 unexpected keys "
          + "(base_model.model.v.lora_A.weight, … (2 patterns)), which the adapter x does not hold"
          + Self.other)
    }
  }

  @Test(arguments: [
    ("PytorchStreamReader failed", FileFormat.safetensors, "is no zip archive (its format is"),
    ("PytorchStreamReader failed", .pytorchZip, "is whole: its archive is read to its end"),
    ("Weights only load failed", .safetensors, "is no pickle (its format is safetensors)"),
    ("Weights only load failed", .pytorchLegacy, "names no such global"),
    ("HeaderTooLarge", .safetensors, "is whole: its header is read"),
    ("MetadataIncompleteBuffer", .pytorchZip, "is no safetensors file (its format is"),
  ])
  func `damage of which the file shows none`(log: String, format: FileFormat, state: String)
    throws
  {
    let found = try report(["a"], log, format: format).findings.filter {
      $0.code != .zeroSizeTensor
    }
    #expect(found.map(\.severity) == [.warning])
    #expect(found.allSatisfy { $0.message.contains("; but x \(state)") && $0.fix == nil })
  }

  @Test func `nothing of what the log names is there`() throws {
    let log = Self.keys(["t.a", "t.b", "t.c"], ["module.t.a", "module.t.b", "module.t.c"])
    #expect(
      told(try report(["s.a", "s.b", "t.c.x"], log)) == [
        "warning missing-key: x holds none of the 3 keys that the log calls unexpected "
          + "(module.t.a, … (3 patterns))\(Self.other)"
      ])
  }
}
