import Foundation
import Testing

/// The same inputs and options give the same bytes and the same report, whoever
/// computes them.
@Suite struct DeterminismTests {
  static let seed: UInt64 = 0x7E_4011

  /// A base whose matrices take several blocks of work each, and an adapter.
  private func sandbox() throws -> Sandbox {
    print("let seed: UInt64 = \(Self.seed)")
    var random = RandomTensors(seed: Self.seed)
    let sandbox = try Sandbox()
    let layers = (0..<2).map { "model.layers.\($0).self_attn.q_proj" }
    var base = layers.map { ("\($0).weight", random.matrix("BF16", 300, 1024)) }
    base.append(("model.embed_tokens.weight", random.matrix("BF16", 100, 1024)))
    try sandbox.write(safetensors(base), to: "base/model.safetensors")
    let factors = layers.flatMap { layer in
      [
        ("base_model.model.\(layer).lora_A.weight", random.matrix("F32", 8, 1024)),
        ("base_model.model.\(layer).lora_B.weight", random.matrix("F32", 300, 8)),
      ]
    }
    try sandbox.write(safetensors(factors), to: "adapter.safetensors")
    return sandbox
  }

  /// Merges with these options; gives the report and every file of the output.
  private func merge(_ sandbox: Sandbox, _ options: [String]) async throws -> (
    report: String, files: [String: Data]
  ) {
    let outcome = try await sandbox.tenon(
      ["merge", "base", "adapter.safetensors", "--alpha", "4", "-o", "merged", "--force"] + options)
    try #require(outcome.status == "0", "\(options) \(outcome.stderr)")
    return (outcome.stdout, try sandbox.contents().filter { $0.key.hasPrefix("merged/") })
  }

  /// The least memory that the tool accepts, which makes the smallest blocks.
  private func leastMemory(_ sandbox: Sandbox, threads: Int) async throws -> String {
    let outcome = try await sandbox.tenon(
      "merge", "base", "adapter.safetensors", "--alpha", "4", "-o", "refused", "--max-memory",
      "1KiB", "--threads", "\(threads)")
    let words = outcome.stderr.split(separator: " ")
    let index = try #require(words.firstIndex(of: "needs"), "\(outcome.stderr)")
    return String(words[index + 1])
  }

  @Test func `threads, memory and syncing change neither the bytes nor the report`()
    async throws
  {
    let sandbox = try sandbox()
    let expected = try await merge(sandbox, ["--threads", "1"])
    #expect(expected.files.keys.sorted() == ["merged/", "merged/model.safetensors"])
    var options = [[], ["--threads", "2"], ["--threads", "3"], ["--no-sync"]]
    for threads in [1, 3] {
      let least = try await leastMemory(sandbox, threads: threads)
      options.append(["--threads", "\(threads)", "--max-memory", least])
    }
    for options in options {
      let found = try await merge(sandbox, options)
      #expect(found.report == expected.report, "\(options)")
      #expect(found.files == expected.files, "\(options)")
    }
  }

  @Test func `a file that was merged is not the base`() async throws {
    let sandbox = try sandbox()
    let files = try await merge(sandbox, []).files
    let merged = try tensors(in: try #require(files["merged/model.safetensors"]))
    let base = try tensors(in: sandbox.data("base/model.safetensors"))
    for (name, tensor) in base {
      #expect((merged[name] == tensor) == name.contains("embed"), "\(name)")
    }
  }
}
