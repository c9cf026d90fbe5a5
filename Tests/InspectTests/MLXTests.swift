import Compute
import Formats
import OrderedCollections
import TestSupport
import Testing

@testable import Inspect

@Suite struct `MLX adapters` {
  private static let text = """
    {"model": "org/base", "num_layers": 16, "fine_tune_type": "lora",
     "lora_parameters": {"rank": 2, "scale": 20.0, "dropout": 0.0}}
    """

  private func configuration(_ text: String = text) throws -> AdapterConfiguration {
    try AdapterConfiguration(
      mlx: JSONValue(parsing: Array(text.utf8)), path: "adapter_config.json")
  }

  /// One module with a `[3, 2]` and b `[2, 4]`, the bytes 0… as U8.
  private func records() throws -> [TensorRecord] {
    let file = try InputFile(holding: Array(0..<14), name: "data")
    return [("lora_a", [3, 2], 0), ("lora_b", [2, 4], 6)].map { leaf, shape, offset in
      TensorRecord(
        name: "model.layers.0.self_attn.q_proj.\(leaf)", type: .element(.u8), shape: shape,
        bytes: TensorBytes(
          Extent(file: file, offset: offset, count: shape[0] * shape[1])))
    }
  }

  @Test func `are recognised, turned and scaled`() throws {
    let checkpoint = Checkpoint(path: "x", format: .safetensors, records: try records())
    let family = try #require(AdapterFamily.recognised(AdapterSurvey(checkpoint)))
    let read = try Adapter.read(checkpoint, as: family, configuration: try configuration())
    #expect(read.kind == .mlxAdapter && read.base == "org/base")
    #expect(read.rank == 2 && read.alpha == 40 && read.scale == 20)
    let module = try #require(read.modules.first)
    #expect(module.target == "model.layers.0.self_attn.q_proj" && module.kind == .linear)
    #expect(module.updatedShape == [4, 3] && module.rank == 2 && module.scale == 20)
    let a = try #require(module.a)
    #expect(try TensorData.bytes(of: a, limit: 64) == [0, 2, 4, 1, 3, 5])
    let b = try #require(module.b)
    #expect(try TensorData.bytes(of: b, limit: 64) == [6, 10, 7, 11, 8, 12, 9, 13])
    #expect(read.findings.isEmpty)
  }

  @Test(
    arguments: [
      (#""fine_tune_type": "dora""#, []), (#""use_dora": true"#, []),
      (#""fine_tune_type": "lora""#, [.configMismatch]),
    ] as [(String, [Finding.Code])])
  func `have magnitudes where their own configuration says so`(
    field: String, codes: [Finding.Code]
  ) throws {
    let magnitudes = tensor("model.layers.0.self_attn.q_proj.m", [4])
    let checkpoint = Checkpoint(
      path: "x", format: .safetensors, records: try records() + [magnitudes])
    let family = try #require(AdapterFamily.recognised(AdapterSurvey(checkpoint)))
    let text = "{\(field), \(#""lora_parameters": {"rank": 2, "scale": 20.0}}"#)"
    let read = try Adapter.read(checkpoint, as: family, configuration: try configuration(text))
    #expect(read.kind == .mlxAdapter && read.findings.map(\.code) == codes)
  }

  @Test(arguments: [(#"{"fine_tune_type": "full"}"#, true), ("{}", false)])
  func `of whole weights are told by their configuration`(text: String, isMLX: Bool) throws {
    let directory = TemporaryDirectory()
    var checkpoint = Checkpoint(
      path: "x", format: .safetensors, records: [tensor("model.layers.0.q_proj.weight")])
    checkpoint.sideFiles = [try directory.sideFile("adapter_config.json", text)]
    let read = try Adapter(checkpoint)
    #expect(read.kind == (isMLX ? .mlxAdapter : .peftAdapter))
    #expect(read.replacements.map(\.target) == ["model.layers.0.q_proj.weight"])
    #expect(read.findings.map(\.code) == (isMLX ? [] : [.prefixDrift]))
  }

  @Test func `have no alpha without their configuration`() throws {
    let read = try Adapter(Checkpoint(path: "x", format: .safetensors, records: try records()))
    #expect(read.modules[0].scale == nil)
    #expect(read.findings.map(\.code) == [.alphaUnknown])
  }

  @Test func `of experts are of no kind that is known`() throws {
    let records = [tensor("a.lora_a", [4, 2, 3]), tensor("a.lora_b", [4, 5, 2])]
    let read = try Adapter(Checkpoint(path: "x", format: .safetensors, records: records))
    #expect(read.modules.map(\.kind) == [.other])
  }

  @Test func `become PEFT's`() throws {
    var draft = try RenamingDraft(
      Checkpoint(path: "x", format: .safetensors, records: try records()))
    draft.configuration = try JSONValue(parsing: Array(Self.text.utf8))
    try draft.apply(try RenamePreset(named: "mlx-to-peft"), base: nil)
    #expect(
      draft.names == [
        "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight",
        "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight",
      ])
    #expect(draft.tensors.map(\.record.shape) == [[2, 3], [4, 2]])
    let configuration = try #require(draft.configuration)
    #expect(configuration["r"]?.int == 2 && configuration["lora_alpha"]?.double == 40)
    #expect(configuration["use_dora"]?.bool == false)
    #expect(draft.metadata["format"] == "pt" && draft.kind == .peftAdapter)
  }

  @Test func `need a scale to become PEFT's`() throws {
    var draft = try RenamingDraft(
      Checkpoint(path: "x", format: .safetensors, records: try records()))
    let error = #expect(throws: CheckpointError.self) {
      try draft.apply(try RenamePreset(named: "mlx-to-peft"), base: nil)
    }
    #expect(
      error?.description
        == "x: no file says its scale; expected adapter_config.json beside the tensors")
  }
}
