import Foundation
import Testing

/// What may be replaced, and what never is.
@Suite struct ForceTests {
  static let group = "fixtures/peft/llama-bf16"

  private func sandbox() throws -> Sandbox {
    let sandbox = try Sandbox()
    try sandbox.copy("\(Self.group)/base", as: "base")
    try sandbox.copy("\(Self.group)/adapter-rslora", as: "adapter")
    try sandbox.copy("\(Self.group)/merged-plain", as: "old")
    try sandbox.write(Data("old".utf8), to: "old.safetensors")
    return sandbox
  }

  private func expected() throws -> Data {
    try Data(
      contentsOf: Sandbox.repository.appending(
        path: "\(Self.group)/merged-rslora/model.safetensors"))
  }

  /// An output that is refused, what was made ready for it, and the words.
  struct Refusal: CustomTestStringConvertible, Sendable {
    let output: String
    let message: String
    var force = true
    var links: [String: String] = [:]
    var files: [String] = []
    var testDescription: String { output + (force ? " --force" : "") }
  }

  static let refusals = [
    Refusal(output: "old", message: "old: exists already", force: false),
    Refusal(output: "old/", message: "old/: exists already", force: false),
    Refusal(output: "old.safetensors", message: "old.safetensors: exists already", force: false),
    Refusal(
      output: "lost", message: "lost: exists already", force: false, links: ["lost": "nowhere"]),
    Refusal(output: "base", message: "base: is an input; an input is never modified"),
    Refusal(output: "./base/../base", message: "is an input; an input is never modified"),
    Refusal(output: "adapter", message: "adapter: is an input; an input is never modified"),
    Refusal(
      output: "base/model.safetensors",
      message: "lies in the input base; an input is never modified"),
    Refusal(
      output: "adapter/adapter_model.safetensors",
      message: "lies in the input adapter; an input is never modified"),
    Refusal(
      output: "alias", message: "alias: is an input; an input is never modified",
      links: ["alias": "base"]),
    Refusal(
      output: "old", message: #"holds the directory "runs", so it is not replaced as a whole"#,
      files: ["old/runs/events"]),
    Refusal(
      output: "old",
      message: #"old: holds "notes.txt", which is no file of a model, "#
        + "so it is not replaced as a whole",
      files: ["old/notes.txt"]),
    Refusal(
      output: "old",
      message: "old: holds 2 files that are none of a model, so it is not replaced as a whole: "
        + #"".gitattributes", "README.md""#,
      files: ["old/README.md", "old/.gitattributes"]),
    Refusal(
      output: "link",
      message: "link: is a link to a directory; a directory would replace the link",
      links: ["link": "old"]),
    Refusal(
      output: "folder.safetensors",
      message: "folder.safetensors: is no regular file; a file would replace it",
      files: ["folder.safetensors/note"]),
  ]

  @Test(arguments: refusals)
  func `refuses an output that is in the way and leaves everything as it was`(row: Refusal)
    async throws
  {
    let sandbox = try sandbox()
    for file in row.files { try sandbox.write(Data("kept".utf8), to: file) }
    for (link, target) in row.links {
      try FileManager.default.createSymbolicLink(
        atPath: sandbox.url(link).path, withDestinationPath: target)
    }
    let before = try sandbox.names()
    let outcome = try await sandbox.tenon(
      ["merge", "base", "adapter", "-o", row.output] + (row.force ? ["--force"] : []))
    #expect(outcome.status == "2")
    #expect(outcome.stdout == "")
    #expect(outcome.stderr.contains(row.message + "\n"), "\(outcome.stderr)")
    #expect(try sandbox.names() == before)
    #expect(try sandbox.data("old.safetensors") == Data("old".utf8))
    for file in row.files { #expect(try sandbox.data(file) == Data("kept".utf8)) }
  }

  @Test func `refuses the working directory around an input`() async throws {
    let sandbox = try sandbox()
    let before = try sandbox.contents()
    let outcome = try await sandbox.tenon("merge", "base", "adapter", "-o", ".", "--force")
    #expect(outcome.status == "2")
    #expect(try sandbox.contents() == before)
    #expect(
      outcome.stderr.hasPrefix("tenon: .: holds the input base; an input is never modified\n"))
  }

  @Test func `--force replaces a directory as a whole`() async throws {
    let sandbox = try sandbox()
    try sandbox.write(Data("stale".utf8), to: "old/model-00001-of-00002.safetensors")
    let outcome = try await sandbox.tenon("merge", "base", "adapter", "-o", "old", "--force")
    #expect(outcome.status == "0", "\(outcome.stderr)")
    #expect(try sandbox.data("old/model.safetensors") == expected())
    #expect(!(try sandbox.names().contains("old/model-00001-of-00002.safetensors")))
  }

  @Test func `--force replaces files that the inputs have as well`() async throws {
    let sandbox = try sandbox()
    for place in ["base", "old"] { try sandbox.write(Data("x".utf8), to: place + "/model.py") }
    let outcome = try await sandbox.tenon("merge", "base", "adapter", "-o", "old", "--force")
    #expect(outcome.status == "0", "\(outcome.stderr)")
    #expect(try sandbox.names().contains("old/model.py"))
  }

  @Test func `--force replaces a file`() async throws {
    let sandbox = try sandbox()
    let before = try sandbox.names()
    let outcome = try await sandbox.tenon(
      "merge", "base", "adapter", "-o", "old.safetensors", "--force")
    #expect(outcome.status == "0", "\(outcome.stderr)")
    #expect(try sandbox.data("old.safetensors") == expected())
    #expect(try sandbox.names() == before)
  }

  @Test func `--force replaces a file by a directory`() async throws {
    let sandbox = try sandbox()
    try sandbox.write(Data("old".utf8), to: "plain")
    let outcome = try await sandbox.tenon("merge", "base", "adapter", "-o", "plain", "--force")
    #expect(outcome.status == "0", "\(outcome.stderr)")
    #expect(try sandbox.data("plain/model.safetensors") == expected())
    #expect(try sandbox.names().filter { $0.contains(".tenon") } == [])
  }

  @Test func `--force replaces a model with modules behind it`() async throws {
    let sandbox = try sandbox()
    try sandbox.write(
      Data(#"[{"path": ""}, {"path": "1_Pooling"}, {"path": "2_Dense"}]"#.utf8),
      to: "base/modules.json")
    for file in ["1_Pooling/config.json", "2_Dense/model.safetensors"] {
      try sandbox.write(Data("{}".utf8), to: "base/\(file)")
    }
    for force in [[], ["--force"]] {
      let outcome = try await sandbox.tenon(["merge", "base", "adapter", "-o", "new"] + force)
      #expect(outcome.status == "0", "\(outcome.stderr)")
      #expect(try sandbox.data("new/1_Pooling/config.json") == Data("{}".utf8))
      #expect(try sandbox.data("new/2_Dense/model.safetensors") == Data("{}".utf8))
    }
  }

  @Test func `--force does not mind that there is nothing`() async throws {
    let sandbox = try sandbox()
    let outcome = try await sandbox.tenon("merge", "base", "adapter", "-o", "new", "--force")
    #expect(outcome.status == "0", "\(outcome.stderr)")
    #expect(try sandbox.data("new/model.safetensors") == expected())
  }

  @Test func `--dry-run writes nothing and refuses what the merge would refuse`() async throws {
    let sandbox = try sandbox()
    let before = try sandbox.names()
    for (output, status) in [("new", "0"), ("old", "2")] {
      let outcome = try await sandbox.tenon("merge", "base", "adapter", "-o", output, "--dry-run")
      #expect(outcome.status == status, "\(outcome.stderr)")
    }
    #expect(try sandbox.names() == before)
  }
}
