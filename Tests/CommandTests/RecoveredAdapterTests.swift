import Foundation
import Testing

/// What comes out of a DeepSpeed checkpoint of a run that trained an adapter.
@Suite struct RecoveredAdapterTests {
  private static let modules = (0..<2).map {
    "base_model.model.model.layers.\($0).self_attn.q_proj"
  }

  @Test func `the adapter has the names that PEFT saves and the configuration beside`()
    async throws
  {
    let sandbox = try Sandbox()
    try sandbox.copy("fixtures/deepspeed/adapter", as: "checkpoint-500")
    let outcome = try await sandbox.tenon(
      "convert", "checkpoint-500", "-o", "adapter", "--trainable-only")
    try #require(outcome.status == "0", "\(outcome.stderr)")

    let found = try tensors(in: sandbox.data("adapter/adapter_model.safetensors"))
    let factors = [("lora_A", [2, 6]), ("lora_B", [6, 2])]
    let expected = Self.modules.flatMap { module in
      factors.map { "\(module).\($0.0).weight F32 \($0.1)" }
    }
    #expect(found.map { "\($0.key) \($0.value.type) \($0.value.shape)" }.sorted() == expected)
    #expect(found.allSatisfy { $0.value.bytes.contains { $0 != 0 } })
    #expect(
      try sandbox.data("adapter/adapter_config.json")
        == sandbox.data("checkpoint-500/adapter_config.json"))
  }

  @Test func `a base that was frozen makes it a model, not an adapter`() async throws {
    let sandbox = try Sandbox()
    try sandbox.copy("fixtures/deepspeed/adapted-model", as: "checkpoint-500")
    let outcome = try await sandbox.tenon("convert", "checkpoint-500", "-o", "out")
    try #require(outcome.status == "0", "\(outcome.stderr)")
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: sandbox.url("out").path).sorted()
        == ["adapter_config.json", "model.safetensors"])
    let names = try tensors(in: sandbox.data("out/model.safetensors")).keys
    let module = "base_model.model.model.layers.1.self_attn.v_proj"
    #expect(names.contains("\(module).base_layer.weight"))
    #expect(names.contains("\(module).lora_A.default.weight"))

    // Its own adapter is one all the same.
    let recovered = try await sandbox.tenon(
      "convert", "checkpoint-500", "-o", "adapter", "--trainable-only")
    try #require(recovered.status == "0", "\(recovered.stderr)")
    #expect(try tensors(in: sandbox.data("adapter/adapter_model.safetensors")).count == 8)
  }

  @Test(arguments: ["adapter", "adapted-model"])
  func `a merge takes what was trained by itself`(fixture: String) async throws {
    let sandbox = try Sandbox()
    try sandbox.copy("fixtures/deepspeed/\(fixture)", as: "checkpoint-500")
    let modules = (0..<2).flatMap { layer in ["q_proj", "v_proj"].map { (layer, $0) } }
    let base = modules.map { layer, name in
      (
        name: "model.layers.\(layer).self_attn.\(name).weight",
        tensor: TestTensor(type: "F32", shape: [6, 6], bytes: Data(repeating: 0x3C, count: 144))
      )
    }
    try sandbox.write(safetensors(base), to: "base/model.safetensors")

    let merged = try await sandbox.tenon("merge", "base", "checkpoint-500", "-o", "at-once")
    try #require(merged.status == "0", "\(merged.stderr)")
    #expect(merged.stderr.contains("note: holds the states of a training under DeepSpeed"))

    let recovered = try await sandbox.tenon(
      "convert", "checkpoint-500", "-o", "adapter", "--trainable-only")
    try #require(recovered.status == "0", "\(recovered.stderr)")
    let expected = try await sandbox.tenon("merge", "base", "adapter", "-o", "in-steps")
    try #require(expected.status == "0", "\(expected.stderr)")
    let result = try sandbox.data("at-once/model.safetensors")
    #expect(try result == sandbox.data("in-steps/model.safetensors"))
    #expect(try result != sandbox.data("base/model.safetensors"))
  }
}
