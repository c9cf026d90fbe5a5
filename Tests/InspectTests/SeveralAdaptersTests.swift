import Formats
import TestSupport
import Testing

@testable import Inspect

/// Files and directories with more than one adapter.
@Suite struct SeveralAdaptersTests {
  struct Case: CustomTestStringConvertible {
    let names: [String]
    let kept: String
    let excluded: [String]
    var testDescription: String { excluded.joined(separator: " ") }
  }

  static let cases = [
    Case(
      names: [
        "base_model.model.q.lora_A.one.weight", "base_model.model.q.lora_B.one.weight",
        "base_model.model.q.lora_A.two.weight", "base_model.model.q.lora_B.two.weight",
        "base_model.model.two.lora_A.two.weight", "base_model.model.two.lora_B.two.weight",
      ], kept: "one", excluded: ["**.lora_A.two.**", "**.lora_B.two.**"]),
    // Parameters end in the name of the adapter.
    Case(
      names: [
        "base_model.model.e.lora_embedding_A.one", "base_model.model.e.lora_embedding_B.one",
        "base_model.model.e.lora_embedding_A.two", "base_model.model.e.lora_embedding_B.two",
        "base_model.model.head.modules_to_save.two.weight",
      ], kept: "one",
      excluded: ["**.lora_embedding_A.two", "**.lora_embedding_B.two", "**.modules_to_save.two.**"]),
  ]

  @Test(arguments: cases)
  func `the command leaves one adapter`(row: Case) throws {
    let adapter = try adapter(row.names)
    let finding = try #require(adapter.findings.first { $0.code == .unmergeable })
    #expect(
      finding.fix
        == "tenon remap lora.safetensors -o lora-\(row.kept).safetensors "
        + row.excluded.map { "--exclude '\($0)'" }.joined(separator: " "))
    let globs = try row.excluded.map { try Glob($0) }
    let left = row.names.filter { name in !globs.contains { $0.matches(name) } }
    #expect(!left.isEmpty)
    #expect(try self.adapter(left).findings.allSatisfy { $0.code != .unmergeable })
  }

  private func adapter(_ names: [String]) throws -> Adapter {
    let records = names.map { name in
      tensor(name, name.contains("A.") ? [2, 8] : name.contains("B.") ? [8, 2] : [8, 8])
    }
    return try Adapter(
      Checkpoint(path: "lora.safetensors", format: .safetensors, records: records))
  }

  @Test func `adapters below another are named`() throws {
    let directory = TemporaryDirectory()
    for folder in [".", "other", "checkpoint-10"] {
      try directory.write("{}", to: "\(folder)/adapter_config.json")
      try directory.write(safetensorsHeader([]), to: "\(folder)/adapter_model.safetensors")
    }
    try directory.write("", to: "cache/empty")
    let checkpoint = try Checkpoint.open(directory.path)
    #expect(
      checkpoint.findings.map(\.message) == [
        "another adapter lies in the directory's own directories, other; the one beside them is "
          + "used"
      ])
  }
}
