import TestSupport
import Testing

@testable import Formats
@testable import Inspect

@Suite struct TrainedPartTests {
  struct Case: CustomTestStringConvertible {
    let memory: String
    let saved: String
    let family: String

    init(_ memory: String, _ saved: String, family: String = "lora") {
      self.memory = memory
      self.saved = saved
      self.family = family
    }

    var testDescription: String { memory }
  }

  static let cases = [
    Case("base_model.model.q.lora_A.default.weight", "base_model.model.q.lora_A.weight"),
    Case("base_model.model.q.lora_B.default.bias", "base_model.model.q.lora_B.bias"),
    Case("base_model.model.q.lora_B.reviewer.weight", "base_model.model.q.lora_B.weight"),
    Case("base_model.model.e.lora_embedding_A.default", "base_model.model.e.lora_embedding_A"),
    Case(
      "base_model.model.q.lora_magnitude_vector.default.weight",
      "base_model.model.q.lora_magnitude_vector"),
    Case(
      "base_model.model.q.lora_magnitude_vector.default", "base_model.model.q.lora_magnitude_vector"
    ),
    Case(
      "base_model.model.head.modules_to_save.default.weight", "base_model.model.head.weight"),
    Case(
      "base_model.model.head.modules_to_save.default.dense.bias",
      "base_model.model.head.dense.bias"),
    Case(
      "base_model.model.e.token_adapter.trainable_tokens_delta.default",
      "base_model.model.e.token_adapter.trainable_tokens_delta"),
    Case("base_model.model.q.hada_w1_a.default", "base_model.model.q.hada_w1_a", family: "loha"),
    Case("base_model.model.q.ia3_l.default", "base_model.model.q.ia3_l", family: "ia3"),
    Case("base_model.model.q.base_layer.bias", "base_model.model.q.base_layer.bias"),
    Case("base_model.model.q.lora_A.weight", "base_model.model.q.lora_A.weight"),
    Case(
      "_orig_mod.base_model.model.q.lora_A.default.weight", "base_model.model.q.lora_A.weight"),
    Case(
      "base_model.model.default.q.lora_A.default.weight",
      "base_model.model.default.q.lora_A.weight"),
  ]

  @Test(arguments: cases)
  func `names a tensor as PEFT saves it`(row: Case) {
    #expect(SavedName.of(row.memory, family: row.family) == row.saved)
  }

  private static let adapter = Fixtures.path("deepspeed/adapter")

  @Test func `recovers the adapter that was saved as placeholders`() throws {
    let part = try Checkpoint.open(Self.adapter).trainedPart()
    #expect(part.sideFiles.map(\.name) == ["adapter_config.json", "trainer_state.json"])
    #expect(
      part.records.map { "\($0.name) \($0.shape)" } == [
        "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight [2, 6]",
        "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight [6, 2]",
        "base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight [2, 6]",
        "base_model.model.model.layers.1.self_attn.q_proj.lora_B.weight [6, 2]",
      ])
    let inspection = Inspection(part)
    #expect(inspection.kind == .peftAdapter)
    #expect(inspection.adapter?.rank == 2)
    #expect(inspection.adapter?.modules.count == 2)
  }

  @Test func `an adapter without its configuration has clean names and a warning`() throws {
    var checkpoint = try Checkpoint.open(Self.adapter)
    let whole = try checkpoint.trainedPart()
    checkpoint.sideFiles.removeAll { $0.name == "adapter_config.json" }
    let part = try checkpoint.trainedPart()
    #expect(part.records.map(\.name) == whole.records.map(\.name))
    #expect(part.findings.map(\.code) == whole.findings.map(\.code) + [.missingSideFile])
    #expect(
      part.findings.last?.message
        == "what was trained is an adapter, but there is no adapter_config.json beside the "
        + "checkpoint, which PEFT needs to load it")
  }

  @Test func `refuses two tensors that would be saved under one name`() throws {
    var checkpoint = try Checkpoint.open(Self.adapter)
    let name = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.second.weight"
    checkpoint.records.append(checkpoint.records[checkpoint.records.count - 1])
    checkpoint.records[checkpoint.records.count - 1].name = name
    checkpoint.trained?.insert(ExactName(name))
    let error = try #require(throws: CheckpointError.self) { try checkpoint.trainedPart() }
    #expect(error.tensor == name)
    #expect(
      error.message
        == "would be saved as \"base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight\", "
        + "and so would \"base_model.model.model.layers.0.self_attn.q_proj.lora_A.default.weight\"")
  }
}
