import Formats
import Testing

@testable import Inspect

/// Checkpoints that only the program loads that wrote them.
@Suite struct TrainerNamesTests {
  struct Case: CustomTestStringConvertible {
    let words: String
    let names: [String]
    var count: Int
    var severity = Finding.Severity.note
    var testDescription: String { "\(words): \(names[0])" }
  }

  static let cases = [
    Case(
      words: "flat parameters of FSDP",
      names: [
        "_fsdp_wrapped_module._flat_param", "layers.0._fsdp_wrapped_module._flat_param", "b",
      ],
      count: 2, severity: .error),
    Case(words: "flat parameters of FSDP", names: ["flat_param"], count: 1, severity: .error),
    Case(
      words: "flat parameters of FSDP", names: ["_fpw_module.flat_param_0"], count: 1,
      severity: .error),
    Case(
      words: "an adapter's, named as by torchtune",
      names: ["layers.0.attn.q_proj.lora_a.weight", "layers.0.attn.q_proj.lora_b.weight"], count: 2),
    Case(
      words: "named as by Megatron-LM",
      names: [
        "language_model.encoder.layers.0.self_attention.query_key_value.weight",
        "language_model.embedding.word_embeddings.weight",
      ], count: 1),
    Case(
      words: "named as by Megatron-LM",
      names: ["language_model.transformer.layers.1.attention.query_key_value.bias"], count: 1),
    Case(
      words: "named as by Megatron Core",
      names: [
        "module.decoder.layers.0.self_attention.linear_qkv.weight",
        "module.decoder.layers.0.mlp.linear_fc1.weight",
      ], count: 1),
  ]

  private func checkpoint(_ names: [String]) -> Checkpoint {
    Checkpoint(path: "x", format: .safetensors, records: names.map { tensor($0, [4, 2]) })
  }

  private func findings(
    _ names: [String], against reference: CheckpointCheck.Reference = .nothing
  ) throws -> [Finding] {
    try CheckpointCheck(checkpoint(names)).report(against: reference, readsValues: false).findings
      .filter { $0.code == .unmatchedKey || $0.code == .missingKey }
  }

  @Test(arguments: cases)
  func `is called what it is, alone and as a model`(row: Case) throws {
    let alone = try findings(row.names)
    #expect(alone.map(\.tensors.count) == [row.count])
    #expect(alone.map(\.severity) == [row.severity])
    #expect(alone.first?.message.contains(" \(row.words) (") == true)
    let wanted = KeyList(path: "b", [.init("lm_head.weight", [4, 2])])
    let loaded = try findings(row.names, against: .expected(wanted))
    #expect(
      loaded.map(\.message).contains(
        "the tensors are \(row.words), and b wants others (lm_head.weight)"))
  }

  @Test(arguments: [
    // ChatGLM, Qwen3-VL, BLOOM.
    "transformer.encoder.layers.0.self_attention.query_key_value.weight",
    "model.visual.blocks.0.mlp.linear_fc1.weight",
    "h.0.self_attention.query_key_value.weight",
    "model.flat_parameters.weight", "flat_param.weight", "my_flat_param",
    "layers.0.lora_a.weights",
  ])
  func `other names are none of them`(name: String) throws {
    #expect(TrainerNames.recognised([name]) == nil)
    #expect(try findings([name]).isEmpty)
  }

  @Test func `an adapter of flat parameters is told as such`() throws {
    let names = ["base_model.model.a.lora_A._flat_param", "base_model.model.b.lora_A.weight"]
    #expect(
      try findings(names).map(\.message).first {
        $0.contains("flat parameters of FSDP (base_model.model.a.lora_A._flat_param)")
      } != nil)
  }

  @Test func `no renaming is inferred for them`() throws {
    var draft = try RenamingDraft(checkpoint(Self.cases[4].names))
    let base = KeyList(path: "b", [.init("model.embed_tokens.weight", [4, 2])])
    let error = #expect(throws: CheckpointError.self) { try draft.match(base) }
    #expect(error?.message.hasPrefix("1 tensor is named as by Megatron-LM (") == true)
  }
}

/// Tensors of which each rank's file holds a part.
@Suite struct DividedTensorsTests {
  private func found(_ records: [TensorRecord]) throws -> [String] {
    try CheckpointCheck(Checkpoint(path: "x", format: .pytorchZip, records: records))
      .report(against: .nothing, readsValues: false).findings.map {
        "\($0.severity.rawValue) \($0.code.rawValue): \($0.message)"
      }
  }

  private static let advice =
    "gather them before saving, for FSDP with StateDictType.FULL_STATE_DICT or with "
    + "get_model_state_dict and full_state_dict=True"

  @Test(arguments: [
    ("torch.distributed.tensor.DTensor F32", "FSDP2 or tensor parallelism"),
    (
      "torch.distributed._shard.sharded_tensor.api.ShardedTensor F32",
      "FSDP's sharded or local state"
    ),
  ])
  func `are told from other types that are not read`(type: String, maker: String) throws {
    let record = TensorRecord(
      name: "w", type: .foreign(name: type, bitWidth: 32), shape: [2], bytes: nil)
    #expect(
      try found([record]) == [
        "error unsupported-type: 1 tensor is listed but not read (w): of type \(type), of which the "
          + "file of each rank holds a part (\(maker)); \(Self.advice)"
      ])
  }

  @Test func `placeholders beside FSDP's wrapper are not ZeRO's`() throws {
    let names = ["_fsdp_wrapped_module.a.weight", "_fsdp_wrapped_module.a.bias"]
    let records = [tensor(names[0], [44]), tensor(names[1], [0])]
    #expect(
      try found(records).contains(
        "error zero-size-tensor: 1 tensor has the shape [0] (\(names[1])): saved under FSDP without "
          + "gathering, so that other tensors are only what was left on one rank; \(Self.advice)"))
  }
}
