import Compute
import Formats
import Inspect
import TestSupport
import Testing

@testable import Merge

/// Parts of a model that a merge must not lose without a word.
extension AdapterMergeTests {
  private func weighted(in directory: TemporaryDirectory, isLlava: Bool) throws -> WeightedAdapter {
    let configuration =
      isLlava
      ? #"{"model_type": "llava_llama", "mm_projector_type": "mlp2x_gelu"}"#
      : #"{"model_type": "llama"}"#
    try directory.write(configuration, to: "adapter/config.json")
    _ = try adapter(in: directory, pair("model.q_proj", 4, 4))
    let source = try Checkpoint.open(directory.path("adapter"))
    return WeightedAdapter(try Adapter(source), weight: 1, from: source)
  }

  @Test func `LLaVA's adapter is not merged without its projector`() throws {
    let directory = TemporaryDirectory()
    let base = try base(in: directory, #"{"model_type": "llama"}"#)
    let llava = try weighted(in: directory, isLlava: true)
    let error = #expect(throws: CheckpointError.self) { try plan(base, [llava]) }
    #expect(error?.path == llava.adapter.path)
    #expect(error?.message.hasPrefix("non_lora_trainables.bin is missing: ") == true)
    #expect(
      error?.fix
        == "put the non_lora_trainables.bin of the finished run beside it, or merge the language "
        + "model alone with --include '**'")
    var chosen = llava
    chosen.isWhole = false
    let findings = try plan(base, [chosen]).findings
    #expect(findings.map(\.code) == [.missingSideFile])
    #expect(findings.map(\.severity) == [.warning])
    #expect(try plan(base, [weighted(in: directory, isLlava: false)]).findings.isEmpty)
  }

  @Test func `a base that has the projector gives it to the result`() throws {
    let directory = TemporaryDirectory()
    let base = try base(
      in: directory, #"{"model_type": "llava_llama", "mm_projector_type": "linear"}"#,
      ["model.q_proj.weight": ones([4, 4]), "model.mm_projector.weight": ones([4, 4])])
    let findings = try plan(base, [weighted(in: directory, isLlava: true)]).findings
    #expect(findings.map(\.code) == [.missingSideFile])
    #expect(findings.map(\.severity) == [.warning])
  }

  @Test(arguments: [
    (["plora_glb_GN"], "plora_glb_GN alone"), ([], "none of it"),
  ])
  func `a base that has lost its PLoRA is told of`(row: (left: [String], words: String)) throws {
    let directory = TemporaryDirectory()
    try directory.write(
      [("model.q_proj.weight", ones([4, 4]))] + row.left.map { ($0, ones([1, 1, 4])) },
      to: "base/model.safetensors")
    try directory.write(#"{"model_type": "internlmxcomposer2"}"#, to: "base/config.json")
    let base = try Checkpoint.open(directory.path("base"))
    let adapter = try adapter(in: directory, pair("model.q_proj", 4, 4))
    let findings = try plan(base, [WeightedAdapter(adapter)]).findings
    #expect(findings.map(\.code) == [.ploraLost])
    #expect(findings.map(\.severity) == [.warning])
    #expect(findings.first?.message.contains("holds \(row.words): loading it would fill") == true)
  }

  @Test func `PLoRA is no adapter that could be folded`() throws {
    let directory = TemporaryDirectory()
    try directory.write(
      [
        ("model.wqkv.weight", ones([4, 4])), ("model.wqkv.Plora_A.weight", ones([2, 4])),
        ("model.wqkv.Plora_B.weight", ones([4, 2])),
      ], to: "base/model.safetensors")
    let base = try Checkpoint.open(directory.path("base"))
    let error = #expect(throws: CheckpointError.self) { try WrappedCheckpoint(base) }
    #expect(
      error?.message
        == "holds no adapter; its 2 tensors of PLoRA (1 Plora_A, 1 Plora_B) belong to the model and "
        + "act on image tokens alone, so that no weight can take them in; expected a base and an "
        + "adapter")
  }

  @Test func `the layers that are repeated lie beside a head that is adapted`() throws {
    let directory = TemporaryDirectory()
    let base = try base(
      in: directory, #"{"model_type": "bert", "num_hidden_layers": 2}"#,
      [
        "bert.encoder.layer.0.q.weight": ones([4, 4]),
        "bert.encoder.layer.1.q.weight": ones([4, 4]), "cls.dense.weight": ones([4, 4]),
      ])
    let adapter = try adapter(
      in: directory, fields: #", "layer_replication": [[0, 2], [1, 2]]"#,
      ["cls.dense", "bert.encoder.layer.0.q", "bert.encoder.layer.2.q"].flatMap {
        pair($0, 4, 4).map { ($0, $1) }
      })
    let plan = try plan(base, [WeightedAdapter(adapter)])
    #expect(
      plan.tensors.map(\.name).sorted() == [
        "bert.encoder.layer.0.q.weight", "bert.encoder.layer.1.q.weight",
        "bert.encoder.layer.2.q.weight", "cls.dense.weight",
      ])
    #expect(configuration(plan)?.contains(#""num_hidden_layers": 3"#) == true)
  }

  @Test(arguments: ["mlp", "block_sparse_moe"])
  func `factors of single experts go into their rows of fused ones`(block: String) throws {
    let directory = TemporaryDirectory()
    let names = block == "mlp" ? ["gate_proj", "up_proj", "down_proj"] : ["w1", "w3", "w2"]
    let base = try base(
      in: directory, #"{"model_type": "mixtral"}"#,
      [
        "model.layers.0.mlp.experts.gate_up_proj": zeros([2, 6, 4]),
        "model.layers.0.mlp.experts.down_proj": zeros([2, 4, 3]),
      ])
    let lead = "model.layers.0.\(block).experts"
    let adapter = try adapter(
      in: directory,
      [("\(lead).1.\(names[1])", 3, 4), ("\(lead).0.\(names[2])", 4, 3)].flatMap {
        pair($0.0, $0.1, $0.2).map { ($0, $1) }
      })
    let (output, _, _) = try run(
      try AdapterMerge(
        base: base, adapters: [WeightedAdapter(adapter)],
        options: OutputOptions(isSingleFile: true)
      ).plan)
    let gateUp = try floats("model.layers.0.mlp.experts.gate_up_proj", of: output)
    #expect(gateUp == [Float](repeating: 0, count: 36) + [Float](repeating: 2, count: 12))
    let down = try floats("model.layers.0.mlp.experts.down_proj", of: output)
    #expect(down == [Float](repeating: 2, count: 12) + [Float](repeating: 0, count: 12))
  }

  @Test func `packed experts are named as what they are`() throws {
    let base = Checkpoint(
      path: "base", format: .safetensors,
      records: ["blocks", "scales"].map {
        tensor("model.layers.0.mlp.experts.gate_up_proj_\($0)", .u8, [2, 6, 4])
      })
    let directory = TemporaryDirectory()
    let adapter = try adapter(
      in: directory, fields: #", "target_parameters": ["mlp.experts.gate_up_proj"]"#,
      [
        "base_model.model.model.layers.0.mlp.experts.lora_A.weight": ones([4, 4]),
        "base_model.model.model.layers.0.mlp.experts.lora_B.weight": ones([6, 4]),
      ])
    let error = #expect(throws: CheckpointError.self) {
      try plan(base, [WeightedAdapter(adapter)])
    }
    #expect(error?.tensor == "model.layers.0.mlp.experts.gate_up_proj_blocks")
    #expect(
      error?.message
        == "is U8 [2, 6, 4]: the experts of the base are quantised (MXFP4), and an adapter can be "
        + "merged into BF16, F16, F32 and F64 only")
    #expect(
      error?.fix
        == "load the base with transformers and Mxfp4Config(dequantize=True), save it, and merge "
        + "into that")
  }
}
