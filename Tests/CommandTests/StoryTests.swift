import Foundation
import Testing

/// What users of these trainings go through: look, understand, merge, verify. The
/// conformance run loads the results.
@Suite struct StoryTests {
  /// The tensors of a file of the fixtures.
  private func expected(_ name: String) throws -> [String: TestTensor] {
    let file = Sandbox.repository.appending(path: "fixtures/stories/\(name)/model.safetensors")
    return try tensors(in: Data(contentsOf: file))
  }

  @Test(arguments: ["checkpoint", "checkpoint-before-peft-0.7"])
  func `InternVL: a checkpoint with its LoRA unmerged becomes the model`(name: String)
    async throws
  {
    let sandbox = try Sandbox()
    try sandbox.copy("fixtures/stories/internvl/\(name)", as: "checkpoint")
    let look = try await sandbox.tenon("inspect", "checkpoint", "--json")
    #expect(look.stdout.contains(#""kind":"wrapped-checkpoint""#))

    let merge = try await sandbox.tenon("merge", "checkpoint", "-o", "merged")
    try #require(merge.status == "0", "\(merge.stderr)")
    #expect(
      try tensors(in: sandbox.data("merged/model.safetensors")) == expected("internvl/merged"))
    let configuration = String(decoding: try sandbox.data("merged/config.json"), as: UTF8.self)
    #expect(configuration.contains(#""use_llm_lora": 0"#))
    #expect(configuration.contains(#""use_backbone_lora": 0"#))

    let verify = try await sandbox.tenon("verify", "checkpoint", "--merged", "merged")
    #expect(verify.status == "0", "\(verify.stdout) \(verify.stderr)")
  }

  @Test func `LLaVA: adapter and projector go into the base, whatever the directory is called`()
    async throws
  {
    let sandbox = try Sandbox()
    try sandbox.copy("fixtures/stories/llava/base", as: "vicuna")
    try sandbox.copy("fixtures/stories/llava/my-run", as: "run-7")
    let look = try await sandbox.tenon("inspect", "run-7", "--json")
    #expect(look.stdout.contains(#""kind":"llava-adapter""#))

    let merge = try await sandbox.tenon("merge", "vicuna", "run-7", "-o", "merged")
    try #require(merge.status == "0", "\(merge.stderr)")
    #expect(try tensors(in: sandbox.data("merged/model.safetensors")) == expected("llava/merged"))
    #expect(try sandbox.data("merged/config.json") == sandbox.data("run-7/config.json"))

    let verify = try await sandbox.tenon("verify", "vicuna", "run-7", "--merged", "merged")
    #expect(verify.status == "0", "\(verify.stdout) \(verify.stderr)")
  }

  @Test func `InternVL: the scale of config.json counts, whatever --alpha says`() async throws {
    let sandbox = try Sandbox()
    try sandbox.copy("fixtures/stories/internvl/checkpoint", as: "checkpoint")
    let merge = try await sandbox.tenon("merge", "checkpoint", "-o", "merged", "--alpha", "640")
    try #require(merge.status == "0", "\(merge.stderr)")
    #expect(
      try tensors(in: sandbox.data("merged/model.safetensors")) == expected("internvl/merged"))
    let note = "--alpha 640 is not used: the files of the adapter say its lora_alpha\n"
    #expect(merge.stderr.contains(note), "\(merge.stderr)")
    let verify = try await sandbox.tenon(
      "verify", "checkpoint", "--merged", "merged", "--alpha", "640")
    #expect(verify.status == "0", "\(verify.stdout)")
    #expect(verify.stderr.contains(note), "\(verify.stderr)")
  }

  @Test func `LLaVA: the projector goes out whatever --include says`() async throws {
    let sandbox = try Sandbox()
    try sandbox.copy("fixtures/stories/llava/base", as: "vicuna")
    try sandbox.copy("fixtures/stories/llava/my-run", as: "run-7")
    let merge = try await sandbox.tenon(
      "merge", "vicuna", "run-7", "-o", "merged", "--include", "**.layers.0.**")
    try #require(merge.status == "0", "\(merge.stderr)")
    let found = try tensors(in: sandbox.data("merged/model.safetensors"))
    let whole = try expected("llava/merged")
    let base = try expected("llava/base")
    #expect(Set(found.keys) == Set(whole.keys))
    for (name, tensor) in found {
      let isMerged = name.contains(".layers.0.") || base[name] == nil
      #expect(tensor == (isMerged ? whole[name] : base[name]), "\(name)")
    }
    #expect(base.contains { $0.key.contains(".layers.1.") && $0.value != whole[$0.key] })
    let none = try await sandbox.tenon(
      "merge", "vicuna", "run-7", "-o", "none", "--include", "nothing")
    #expect(none.status == "2" && none.stderr.contains("none of its modules matches"))
  }

  @Test func `XComposer: the failed load is explained, and the merge leaves PLoRA alone`()
    async throws
  {
    let sandbox = try Sandbox()
    for name in ["base", "finetuned", "load-error.txt"] {
      try sandbox.copy("fixtures/stories/xcomposer/\(name)", as: name)
    }
    let check = try await sandbox.tenon("check", "finetuned", "--error-log", "load-error.txt")
    #expect(check.status == "1")
    #expect(check.stdout.contains("this is an adapter, not a model"))
    #expect(check.stdout.contains("try: tenon merge BASE finetuned -o OUT"))
    #expect(check.stdout.contains("[plora-present]"))

    let merge = try await sandbox.tenon("merge", "base", "finetuned", "-o", "merged")
    try #require(merge.status == "0", "\(merge.stderr)")
    let found = try tensors(in: sandbox.data("merged/model.safetensors"))
    #expect(try found == expected("xcomposer/merged"))
    let base = try tensors(in: sandbox.data("base/model.safetensors"))
    for (name, tensor) in base where name.lowercased().contains("plora") {
      #expect(found[name] == tensor, "\(name)")
    }

    let verify = try await sandbox.tenon("verify", "base", "finetuned", "--merged", "merged")
    #expect(verify.status == "0", "\(verify.stdout) \(verify.stderr)")
    // Whoever takes the base for the merged model is told so.
    let idle = try await sandbox.tenon("verify", "base", "finetuned", "--merged", "base")
    #expect(idle.status == "1")
    #expect(idle.stdout.contains("base"))
  }

  @Test func `XComposer: base tensors in an adapter take the place of the base's, and it is said`()
    async throws
  {
    let sandbox = try Sandbox()
    try sandbox.copy("fixtures/stories/xcomposer/base", as: "base")
    try sandbox.copy("fixtures/stories/xcomposer/polluted", as: "polluted")
    let merge = try await sandbox.tenon("merge", "base", "polluted", "-o", "merged")
    try #require(merge.status == "0", "\(merge.stderr)")
    #expect(merge.stderr.contains("22 tensors of the base's PLoRA lie in the adapter"))
    #expect(
      try tensors(in: sandbox.data("merged/model.safetensors"))
        == expected("xcomposer/merged-polluted"))
  }
}
