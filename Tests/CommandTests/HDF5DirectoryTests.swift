import Foundation
import Testing

/// A directory survives as one HDF5 file: what lies beside the tensors lies within it.
@Suite struct HDF5DirectoryTests {
  /// What a model has beside its tensors.
  static let sideFiles: [String: [UInt8]] = [
    "generation_config.json": Array(#"{"eos_token_id": 2}"#.utf8),
    "tokenizer.json": Array(repeating: UInt8(ascii: "t"), count: 200_000),
    // No text: a NUL, and bytes that are no UTF-8.
    "tokenizer.model": [0x0A, 0x00, 0xFF, 0xFE, 0x00], "spiece.model": [0xC3],
    "chat_template.jinja": Array("{{ größe }}\n".utf8), "modeling_own.py": Array("x = 1\n".utf8),
    "added_tokens.json": [], "additional_chat_templates/rag.jinja": Array("{{ rag }}".utf8),
  ]

  private func fill(_ sandbox: Sandbox, _ directory: String) throws {
    for (name, bytes) in Self.sideFiles {
      try sandbox.write(Data(bytes), to: "\(directory)/\(name)")
    }
  }

  private func succeed(_ sandbox: Sandbox, _ arguments: [String]) async throws {
    let outcome = try await sandbox.tenon(arguments)
    #expect(outcome.status == "0", "\(arguments): \(outcome.stderr)")
  }

  /// The files of a directory with their bytes.
  private func files(_ sandbox: Sandbox, in directory: String) throws -> [String: Data] {
    var files: [String: Data] = [:]
    for (name, data) in try sandbox.contents() where name.hasPrefix("\(directory)/") {
      files[String(name.dropFirst(directory.count))] = data
    }
    return files
  }

  static let directories: [(fixture: String, options: [String])] = [
    ("peft/llama-bf16/base", []), ("peft/llama-bf16/base", ["--compress", "gzip"]),
    ("peft/llama-bf16/base-sharded", []), ("peft/llama-bf16/adapter-plain", []),
    ("stories/llava/my-run", ["--compress", "zstd"]),
  ]

  @Test(arguments: directories) func `a directory is what it was after one file of HDF5`(
    _ row: (fixture: String, options: [String])
  ) async throws {
    let sandbox = try Sandbox()
    try sandbox.copy("fixtures/\(row.fixture)", as: "in")
    try fill(sandbox, "in")
    try await succeed(sandbox, ["convert", "in", "-o", "x.h5"] + row.options)
    try await succeed(sandbox, ["convert", "x.h5", "-o", "y.h5"] + row.options)
    #expect(try sandbox.data("x.h5") == sandbox.data("y.h5"))
    try await succeed(sandbox, ["convert", "x.h5", "-o", "back"])
    try await succeed(sandbox, ["convert", "in", "-o", "copy"])
    let back = try files(sandbox, in: "back")
    #expect(try back == files(sandbox, in: "copy"))
    for (name, bytes) in Self.sideFiles { #expect(back["/\(name)"] == Data(bytes), "\(name)") }
    // Files that are cut otherwise now, and the tensors in them, are not those of before.
    let input = try files(sandbox, in: "in").filter { !$0.key.contains("model-0") }
    for (name, data) in input where !name.hasSuffix(".index.json") {
      #expect(back[name] == data, "\(name)")
    }
  }

  @Test func `an adapter of LLaVA merges the same from one file`() async throws {
    let sandbox = try Sandbox()
    try sandbox.copy("fixtures/stories/llava/base", as: "base")
    try sandbox.copy("fixtures/stories/llava/my-run", as: "run")
    try await succeed(sandbox, ["convert", "run", "-o", "run.h5"])
    try await succeed(sandbox, ["convert", "base", "-o", "base.h5"])
    try await succeed(sandbox, ["merge", "base", "run", "-o", "merged"])
    try await succeed(sandbox, ["merge", "base.h5", "run.h5", "-o", "same"])
    #expect(try files(sandbox, in: "merged") == files(sandbox, in: "same"))
    try await succeed(sandbox, ["verify", "base.h5", "run.h5", "--merged", "same"])
  }

  @Test func `a file in a directory keeps what it carries`() async throws {
    let sandbox = try Sandbox()
    try sandbox.copy("fixtures/peft/llama-bf16/adapter-plain", as: "in")
    try sandbox.write(Data("{}".utf8), to: "in/tokenizer.json")
    try sandbox.write(Data(), to: "whole/tokenizer.json")
    try await succeed(sandbox, ["convert", "in", "-o", "whole/adapter_model.h5"])
    try await succeed(sandbox, ["convert", "whole", "-o", "back"])
    let back = try files(sandbox, in: "back")
    #expect(try back["/adapter_config.json"] == sandbox.data("in/adapter_config.json"))
    // What lies there counts for more.
    #expect(back["/tokenizer.json"] == Data())
  }

  @Test func `what is too large to be carried is told`() async throws {
    let sandbox = try Sandbox()
    try sandbox.copy("fixtures/peft/llama-bf16/adapter-plain", as: "in")
    try sandbox.write(Data(), to: "in/corpus.txt")
    let file = try FileHandle(forWritingTo: sandbox.url("in/corpus.txt"))
    try file.truncate(atOffset: (64 << 20) + 1)
    let outcome = try await sandbox.tenon("convert", "in", "-o", "x.h5")
    #expect(outcome.status == "0")
    #expect(
      outcome.stderr == """
        tenon: note: corpus.txt (67108865 bytes) is not carried along: a file within the output \
        has at most 67108864 bytes; name a directory to have everything copied

        """)
    #expect(try sandbox.data("x.h5").count < 1 << 20)
  }
}
