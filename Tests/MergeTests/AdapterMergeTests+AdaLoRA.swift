import Formats
import Inspect
import TestSupport
import Testing

@testable import Merge

/// AdaLoRA after it has taken ranks away.
extension AdapterMergeTests {
  private func adaptive(
    in directory: TemporaryDirectory, fields: String, _ tensors: [(String, TestTensor)]
  ) throws -> Adapter {
    try directory.write(
      tensors.map { ("base_model.model.model.\($0.0)", $0.1) },
      to: "adaptive/adapter_model.safetensors")
    try directory.write(
      #"{"peft_type": "ADALORA", "r": 8, "lora_alpha": 8\#(fields)}"#,
      to: "adaptive/adapter_config.json")
    return try Adapter(Checkpoint.open(directory.path("adaptive")))
  }

  @Test(arguments: [
    (#", "init_r": 6"#, 6.0),
    (#", "init_r": 6, "rank_pattern": {"model.q_proj.lora_E": [true]}"#, 6),
    (#", "rank_pattern": {"model.q_proj.lora_E": [true, true, false]}"#, 3),
    // Nothing says it: the ranks that are left.
    ("", 2),
  ])
  func `it scales by the rank before any was taken away`(row: (fields: String, rank: Double)) throws
  {
    let directory = TemporaryDirectory()
    let adapter = try adaptive(
      in: directory, fields: row.fields,
      [
        ("q_proj.lora_A", ones([2, 4])), ("q_proj.lora_B", ones([4, 2])),
        ("q_proj.lora_E", ones([2, 1])),
      ])
    #expect(adapter.findings.map(\.message) == [])
    #expect(adapter.modules[0].rank == 2)
    #expect(adapter.modules[0].scale == 8 / row.rank)
    let plan = try plan(
      try base(in: directory, #"{"model_type": "llama"}"#), [WeightedAdapter(adapter)])
    guard
      case .update(let update)? = plan.tensors.first(where: { $0.name == "model.q_proj.weight" })?
        .operation, case .add(let delta)? = update.steps.first?.action
    else {
      Issue.record("expected a sum")
      return
    }
    #expect(delta.scale == 8 / (row.rank + 1e-5))
  }

  @Test func `a module that has lost all ranks stays as it was`() throws {
    let directory = TemporaryDirectory()
    let adapter = try adaptive(
      in: directory, fields: #", "init_r": 2"#,
      [
        ("k_proj.lora_A", zeros([0, 4])), ("k_proj.lora_B", zeros([4, 0])),
        ("k_proj.lora_E", zeros([0, 1])), ("q_proj.lora_A", ones([2, 4])),
        ("q_proj.lora_B", ones([4, 2])), ("q_proj.lora_E", ones([2, 1])),
      ])
    #expect(adapter.findings.map(\.message) == [])
    let base = try base(
      in: directory, #"{"model_type": "llama"}"#,
      ["model.k_proj.weight": ones([4, 4]), "model.q_proj.weight": ones([4, 4])])
    let (output, statistics, _) = try run(
      try AdapterMerge(
        base: base, adapters: [WeightedAdapter(adapter)],
        options: OutputOptions(isSingleFile: true)
      ).plan)
    #expect(statistics.map(\.name) == ["model.q_proj.weight"])
    #expect(try floats("model.k_proj.weight", of: output) == [Float](repeating: 1, count: 16))
  }

  @Test func `placeholders of ZeRO-3 have lost both lengths`() throws {
    let directory = TemporaryDirectory()
    let adapter = try adaptive(
      in: directory, fields: "",
      [
        ("q_proj.lora_A", zeros([0])), ("q_proj.lora_B", zeros([0])),
        ("q_proj.lora_E", zeros([0])),
      ])
    #expect(adapter.findings.map(\.code) == [.zeroSizeTensor])
  }
}
