import Foundation
import Testing

/// The one directory inside a model's that belongs to the model.
@Suite struct ChatTemplateTests {
  private func sandbox() throws -> Sandbox {
    let sandbox = try Sandbox()
    try sandbox.copy("fixtures/peft/llama-bf16/base", as: "base")
    try sandbox.copy("fixtures/peft/llama-bf16/adapter-plain", as: "adapter")
    for name in ["additional_chat_templates/tool_use.jinja", "runs/events", "chat_template.jinja"] {
      try sandbox.write(Data(name.utf8), to: "base/\(name)")
    }
    try sandbox.write(Data("x".utf8), to: "base/additional_chat_templates/weights.bin")
    return sandbox
  }

  static let commands = [
    ["merge", "base", "adapter"], ["convert", "base"], ["convert", "base", "--format", "pytorch"],
  ]

  @Test(arguments: commands)
  func `further chat templates go along, and no other directory`(command: [String]) async throws {
    let sandbox = try sandbox()
    // The second time there is a directory to be replaced.
    for options in [[], ["--force"]] {
      let outcome = try await sandbox.tenon(command + ["-o", "out"] + options)
      try #require(outcome.status == "0", "\(outcome.stderr)")
      let names = try FileManager.default.subpathsOfDirectory(atPath: sandbox.url("out").path)
      #expect(
        names.filter { $0.contains("/") || $0.hasSuffix(".jinja") || $0 == "runs" }.sorted()
          == ["additional_chat_templates/tool_use.jinja", "chat_template.jinja"])
      #expect(
        try sandbox.data("out/additional_chat_templates/tool_use.jinja")
          == Data("additional_chat_templates/tool_use.jinja".utf8))
    }
    #expect(try sandbox.names().filter { $0.hasPrefix(".") } == [])
  }

  @Test func `a directory with more below the templates is not replaced`() async throws {
    let sandbox = try sandbox()
    try sandbox.write(Data("kept".utf8), to: "out/additional_chat_templates/mine/note")
    let outcome = try await sandbox.tenon("convert", "base", "-o", "out", "--force")
    #expect(outcome.status == "2")
    #expect(outcome.stderr.contains(#"holds the directory "additional_chat_templates""#))
    #expect(try sandbox.data("out/additional_chat_templates/mine/note") == Data("kept".utf8))
  }
}
