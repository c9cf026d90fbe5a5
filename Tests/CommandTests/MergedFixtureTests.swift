import Foundation
import Testing

/// Merging a fixture gives the bytes that PEFT's `merge_and_unload()` and
/// `save_pretrained()` wrote.
@Suite struct MergedFixtureTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let group: String
    let base: String
    let adapter: String
    let merged: String
    var testDescription: String { "\(group): \(base) + \(adapter)" }

    func fixture(_ name: String) -> String { "fixtures/peft/\(group)/\(name)" }
  }

  /// Every base of a group with every adapter that gives `merged`.
  private static func cases(
    _ group: String, bases: [String] = ["base"], _ adapters: [String], give merged: String
  ) -> [Case] {
    bases.flatMap { base in
      adapters.map { Case(group: group, base: base, adapter: "adapter-\($0)", merged: merged) }
    }
  }

  static let llamaBases = ["base", "base-sharded", "base-bin", "base-bin-sharded"]
  static let sameAsRslora = [
    "rslora", "bin", "sub-directory", "infix-retained", "wrapped-module", "wrapped-orig-mod",
  ]
  static let cases =
    cases("llama-bf16", bases: llamaBases, ["plain"], give: "merged-plain")
    + cases("llama-bf16", bases: llamaBases, sameAsRslora, give: "merged-rslora")
    + cases("llama-bf16", bases: llamaBases, ["patterns"], give: "merged-patterns")
    + cases("llama-bf16", bases: llamaBases, ["bf16-stored"], give: "merged-bf16-stored")
    + cases("llama-f16", ["f16-stored"], give: "merged-f16-stored")
    + cases("gptneox-f32", bases: ["base-sharded"], ["plain"], give: "merged-plain")
    + cases("gpt2-f32", ["fan-in-fan-out"], give: "merged-fan-in-fan-out")

  /// What is refused by name so far; golden files hold the words.
  static let refused: Set<String> = [
    "llama-f16/adapter-dora", "llama-f16/adapter-modules-to-save",
    "llama-bf16/adapter-broken-extra-layer", "llama-bf16/adapter-broken-renamed-keys",
  ]

  @Test(arguments: cases)
  func `a single file equals the one that PEFT wrote, byte for byte`(row: Case) async throws {
    let sandbox = try sandbox(for: row)
    let outcome = try await sandbox.tenon("merge", "base", "adapter", "-o", "merged.safetensors")
    try #require(outcome.status == "0", "\(outcome.stderr)")
    let expected = Sandbox.repository.appending(path: row.fixture(row.merged))
    #expect(
      try sandbox.data("merged.safetensors")
        == Data(contentsOf: expected.appending(path: "model.safetensors")))
  }

  @Test(arguments: cases)
  func `a directory holds PEFT's tensors, cut as the base is, and the side files of the base`(
    row: Case
  ) async throws {
    let sandbox = try sandbox(for: row)
    let before = try sandbox.contents()
    let outcome = try await sandbox.tenon("merge", "base", "adapter", "-o", "merged")
    try #require(outcome.status == "0", "\(outcome.stderr)")
    let after = try sandbox.contents()
    #expect(after.filter { !$0.key.hasPrefix("merged/") } == before)
    let reference = Sandbox.repository.appending(path: row.fixture(row.merged))
      .appending(path: "model.safetensors")
    var found: [String: TestTensor] = [:]
    var shards = 0
    for (name, data) in after where name.hasPrefix("merged/") && name.hasSuffix(".safetensors") {
      found.merge(try tensors(in: data)) { first, _ in first }
      shards += 1
    }
    #expect(found == (try tensors(in: try Data(contentsOf: reference))))
    #expect(shards == (row.base.hasSuffix("sharded") ? 3 : 1))
    for (name, data) in before where name.hasPrefix("base/") && isSideFile(name) {
      #expect(after["merged/" + name.dropFirst("base/".count)] == data, "\(name)")
    }
  }

  @Test func `every adapter and every merged model of the fixtures is in the table`() throws {
    let root = Sandbox.repository.appending(path: "fixtures/peft")
    var names: Set<String> = []
    for path in try FileManager.default.subpathsOfDirectory(atPath: root.path) {
      let parts = path.split(separator: "/")
      if parts.count == 2 { names.insert(path) }
    }
    let adapters = names.filter { $0.contains("/adapter-") }
    #expect(!adapters.isEmpty)
    #expect(
      adapters.subtracting(Self.refused) == Set(Self.cases.map { "\($0.group)/\($0.adapter)" }))
    let notYet: Set = ["llama-f16/merged-dora", "llama-f16/merged-modules-to-save"]
    #expect(
      names.filter { $0.contains("/merged-") }.subtracting(notYet)
        == Set(Self.cases.map { "\($0.group)/\($0.merged)" }))
  }

  private func sandbox(for row: Case) throws -> Sandbox {
    let sandbox = try Sandbox()
    try sandbox.copy(row.fixture(row.base), as: "base")
    try sandbox.copy(row.fixture(row.adapter), as: "adapter")
    return sandbox
  }

  private func isSideFile(_ name: String) -> Bool {
    ["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"]
      .contains { name.hasSuffix("/" + $0) }
  }
}
