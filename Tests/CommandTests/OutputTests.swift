import Foundation
import Testing

/// How the output is laid out over files and types.
@Suite struct OutputTests {
  static let group = "fixtures/peft/llama-bf16"

  private func sandbox() throws -> Sandbox {
    let sandbox = try Sandbox()
    try sandbox.copy("\(Self.group)/base", as: "base")
    try sandbox.copy("\(Self.group)/adapter-plain", as: "adapter")
    return sandbox
  }

  /// Merges with these options and requires that it works.
  private func merge(_ sandbox: Sandbox, to output: String, _ options: String...) async throws {
    let outcome = try await sandbox.tenon(
      ["merge", "base", "adapter", "-o", output] + options)
    try #require(outcome.status == "0", "\(outcome.stderr)")
  }

  private func expectedTensors() throws -> [String: TestTensor] {
    let url = Sandbox.repository.appending(path: "\(Self.group)/merged-plain/model.safetensors")
    return try tensors(in: try Data(contentsOf: url))
  }

  @Test(arguments: [("3000", 3000, 13), ("10KB", 10_000, 3), ("10KiB", 10_240, 3)])
  func `--max-shard-size cuts the output and the index tells how`(
    size: String, limit: Int, shards: Int
  ) async throws {
    let sandbox = try sandbox()
    try await merge(sandbox, to: "merged", "--max-shard-size", size)
    let files = try sandbox.contents().filter { $0.key.hasPrefix("merged/model-") }
    let expected = try expectedTensors()
    var found: [String: TestTensor] = [:]
    var homes: [String: String] = [:]
    for (path, data) in files {
      let part = try tensors(in: data)
      let bytes = part.values.reduce(0) { $0 + $1.bytes.count }
      #expect(bytes <= limit || part.count == 1, "\(path)")
      #expect(found.keys.filter { part[$0] != nil }.isEmpty, "\(path)")
      found.merge(part) { first, _ in first }
      for name in part.keys { homes[name] = String(path.dropFirst("merged/".count)) }
    }
    #expect(found == expected)
    let names = (1...files.count).map {
      "merged/model-\(digits($0))-of-\(digits(files.count)).safetensors"
    }
    #expect(files.keys.sorted() == names)
    #expect(files.count == shards)
    let index = try #require(
      try JSONSerialization.jsonObject(with: sandbox.data("merged/model.safetensors.index.json"))
        as? [String: Any])
    #expect(index["weight_map"] as? [String: String] == homes)
    let metadata = index["metadata"] as? [String: Int]
    #expect(metadata?["total_size"] == expected.values.reduce(0) { $0 + $1.bytes.count })
  }

  private func digits(_ number: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: 5 - text.count) + text
  }

  @Test func `one shard has no number and no index`() async throws {
    let sandbox = try Sandbox()
    try sandbox.copy("\(Self.group)/base-sharded", as: "base")
    try sandbox.copy("\(Self.group)/adapter-plain", as: "adapter")
    try await merge(sandbox, to: "merged", "--max-shard-size", "1GB")
    let names = try sandbox.contents().keys.filter { $0.hasPrefix("merged/model") }
    #expect(names == ["merged/model.safetensors"])
    #expect(try tensors(in: sandbox.data("merged/model.safetensors")) == expectedTensors())
  }

  @Test func `a single file comes without side files`() async throws {
    let sandbox = try sandbox()
    let before = try sandbox.contents()
    try await merge(sandbox, to: "merged.safetensors")
    var after = try sandbox.contents()
    #expect(after.removeValue(forKey: "merged.safetensors") != nil)
    #expect(after == before)
  }

  @Test func `a name that asks for another format never holds safetensors`() async throws {
    let sandbox = try sandbox()
    try await merge(sandbox, to: "merged.bin")
    #expect(try sandbox.data("merged.bin").prefix(4) == Data([0x50, 0x4B, 3, 4]))
    try await merge(sandbox, to: "merged.h5")
    #expect(try sandbox.data("merged.h5").prefix(4) == Data([0x89, 0x48, 0x44, 0x46]))
  }

  @Test func `--dtype F32 keeps what the rounding to BF16 would take`() async throws {
    let sandbox = try sandbox()
    try await merge(sandbox, to: "merged", "--dtype", "F32")
    let found = try tensors(in: sandbox.data("merged/model.safetensors"))
    let base = try tensors(in: sandbox.data("base/model.safetensors"))
    let rounded = try expectedTensors()
    #expect(Set(found.keys) == Set(rounded.keys))
    var kept = 0
    for (name, tensor) in found {
      let expected = try #require(rounded[name])
      #expect(tensor.type == "F32" && tensor.shape == expected.shape, "\(name)")
      let bits = floatBits(tensor.bytes)
      #expect(bits.map(roundedToBF16) == words(expected.bytes), "\(name)")
      let isUntouched = expected == base[name]
      #expect(!isUntouched || bits.allSatisfy { $0 & 0xFFFF == 0 }, "\(name)")
      kept += bits.count { $0 & 0xFFFF != 0 }
    }
    #expect(kept > 1000)
  }

  /// The upper half of a finite float32, rounded to nearest even.
  private func roundedToBF16(_ bits: UInt32) -> UInt16 {
    UInt16(truncatingIfNeeded: (bits + 0x7FFF + (bits >> 16 & 1)) >> 16)
  }
}
