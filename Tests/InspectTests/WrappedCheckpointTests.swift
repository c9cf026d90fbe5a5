import Compute
import Formats
import TestSupport
import Testing

@testable import Inspect

/// Checkpoints that hold a base and the adapters around it.
@Suite struct WrappedCheckpointTests {
  private let directory = TemporaryDirectory()

  private func checkpoint(_ names: [String], configuration: String? = nil) throws -> Checkpoint {
    let records = names.map { name in
      let shape = name.contains("lora_A") ? [2, 8] : name.contains("lora_B") ? [8, 2] : [8, 8]
      return tensor(name, name.hasSuffix("bias") ? [8] : shape)
    }
    var checkpoint = Checkpoint(path: "wrapped", format: .safetensors, records: records)
    if let configuration {
      checkpoint.sideFiles = [try directory.sideFile("config.json", configuration)]
    }
    return checkpoint
  }

  private let wrapped = [
    "language_model.base_model.model.model.layers.0.attention.wqkv.base_layer.weight",
    "language_model.base_model.model.model.layers.0.attention.wqkv.lora_A.default.weight",
    "language_model.base_model.model.model.layers.0.attention.wqkv.lora_B.default.weight",
    "language_model.base_model.model.output.weight",
    "vision_model.base_model.model.encoder.layers.0.attn.qkv.base_layer.weight",
    "vision_model.base_model.model.encoder.layers.0.attn.qkv.base_layer.bias",
    "vision_model.base_model.model.encoder.layers.0.attn.qkv.lora_A.default.weight",
    "vision_model.base_model.model.encoder.layers.0.attn.qkv.lora_B.default.weight",
    "mlp1.0.weight",
  ]

  @Test func `base and adapter get the names of the plain model`() throws {
    let found = try WrappedCheckpoint(try checkpoint(wrapped), alpha: 4)
    #expect(
      found.base.records.map(\.name).sorted() == [
        "language_model.model.layers.0.attention.wqkv.weight", "language_model.output.weight",
        "mlp1.0.weight", "vision_model.encoder.layers.0.attn.qkv.bias",
        "vision_model.encoder.layers.0.attn.qkv.weight",
      ])
    #expect(found.adapters.count == 1)
    #expect(
      found.adapters.flatMap(\.modules).map { "\($0.target) \($0.scale ?? 0)" }.sorted() == [
        "language_model.model.layers.0.attention.wqkv 2.0",
        "vision_model.encoder.layers.0.attn.qkv 2.0",
      ])
    #expect(found.switches.isEmpty)
  }

  @Test func `each part may have an adapter of another name`() throws {
    let names = wrapped.map { name in
      name.hasPrefix("vision") ? name.replacing(".default.", with: ".vision.") : name
    }
    let found = try WrappedCheckpoint(try checkpoint(names), alpha: 4)
    #expect(found.adapters.flatMap(\.findings).filter { $0.severity == .error }.isEmpty)
    #expect(found.adapters.flatMap(\.modules).count == 2)
    #expect(found.adapters.flatMap(\.leftovers).isEmpty)
  }

  @Test func `two adapters of one part are taken apart by a command`() throws {
    let second = wrapped.filter { $0.contains(".default.") }
      .map { $0.replacing(".default.", with: ".other.") }
    let found = try WrappedCheckpoint(try checkpoint(wrapped + second), alpha: 4)
    let finding = try #require(found.adapters[0].findings.first { $0.code == .unmergeable })
    #expect(finding.tensors == second)
    #expect(
      finding.fix
        == "tenon remap wrapped -o wrapped-default --exclude '**.lora_A.other.**' "
        + "--exclude '**.lora_B.other.**'")
  }

  @Test func `the configuration tells the ranks, and is switched off`() throws {
    let found = try WrappedCheckpoint(
      try checkpoint(wrapped, configuration: #"{"use_llm_lora": 2, "use_backbone_lora": 2}"#))
    // InternVL's alpha is twice the rank.
    #expect(found.adapters.flatMap(\.modules).map(\.alpha) == [4, 4])
    #expect(found.switches.map(\.field) == ["use_llm_lora", "use_backbone_lora"])
    #expect(found.switches.map(\.off) == [.number("0"), .number("0")])
  }

  @Test func `a configured rank that the tensors have not is refused`() throws {
    let error = #expect(throws: CheckpointError.self) {
      try WrappedCheckpoint(
        try checkpoint(wrapped, configuration: #"{"use_llm_lora": 16, "use_backbone_lora": 2}"#))
    }
    #expect(error?.message == "has rank 2, but use_llm_lora of config.json says 16")
    #expect(
      error?.tensor
        == "language_model.base_model.model.model.layers.0.attention.wqkv.lora_A.default.weight")
  }

  @Test func `LoRA on top of LoRA is taken apart, the innermost first`() throws {
    let path = "language_model.base_model.model.base_model.model.model.q_proj"
    let found = try WrappedCheckpoint(
      try checkpoint([
        "\(path).base_layer.base_layer.weight", "\(path).base_layer.lora_A.default.weight",
        "\(path).base_layer.lora_B.default.weight", "\(path).lora_A.default.weight",
        "\(path).lora_B.default.weight",
        "language_model.base_model.model.base_model.model.model.norm.weight", "mlp1.0.weight",
      ]), alpha: 2)
    #expect(
      found.base.records.map(\.name).sorted() == [
        "language_model.model.norm.weight", "language_model.model.q_proj.weight", "mlp1.0.weight",
      ])
    #expect(
      found.adapters.map { $0.modules.map { $0.a?.name ?? "" } } == [
        ["\(path).base_layer.lora_A.default.weight"], ["\(path).lora_A.default.weight"],
      ])
  }

  @Test func `of a saved module the trained copy counts`() throws {
    let found = try WrappedCheckpoint(
      try checkpoint(
        wrapped + [
          "language_model.base_model.model.lm_head.original_module.weight",
          "language_model.base_model.model.lm_head.modules_to_save.default.weight",
        ]), alpha: 4)
    #expect(found.base.records.filter { $0.name == "language_model.lm_head.weight" }.count == 1)
  }

  @Test func `trained rows of tokens belong to the adapter`() throws {
    let path = "language_model.base_model.model.model.embed_tokens.token_adapter"
    let found = try WrappedCheckpoint(
      try checkpoint(
        wrapped + ["\(path).base_layer.weight", "\(path).trainable_tokens_delta.default"]),
      alpha: 4)
    #expect(
      found.base.records.contains { $0.name == "language_model.model.embed_tokens.weight" })
    #expect(found.adapters.count == 1)
    #expect(
      found.adapters.flatMap(\.replacements).map { "\($0.target) \($0.kind)" } == [
        "language_model.model.embed_tokens.weight tokenRows"
      ])
  }

  @Test func `two tensors that would get one name are refused`() throws {
    let error = #expect(throws: CheckpointError.self) {
      try WrappedCheckpoint(try checkpoint(wrapped + ["language_model.output.weight"]), alpha: 4)
    }
    #expect(
      error?.message
        == #"is "language_model.output.weight" of the base, and so is "#
        + #""language_model.base_model.model.output.weight""#)
  }

  @Test func `a plain model is none`() throws {
    let error = #expect(throws: CheckpointError.self) {
      try WrappedCheckpoint(try checkpoint(["model.norm.weight"]))
    }
    #expect(
      error?.message
        == "does not hold a base and an adapter in one; expected both, or a base and an adapter")
  }
}
