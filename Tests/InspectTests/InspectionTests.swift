import Compute
import Formats
import Inspect
import Testing

@Suite struct InspectionTests {
  private func checkpoint(_ records: [TensorRecord], with sideFiles: [String] = []) -> Checkpoint {
    Checkpoint(
      path: "x", format: .safetensors, records: records,
      sideFiles: sideFiles.map { SideFile(name: $0, path: "/nowhere/\($0)") })
  }

  @Test func `counts by type and orders naturally`() {
    let inspection = Inspection(
      checkpoint(
        [
          tensor("layers.10.w", [4, 4]), tensor("layers.9.w", [4, 4]),
          tensor("norm", [4], .f32), tensor("step", [], .i64),
        ], with: ["config.json"]))
    #expect(inspection.kind == .model)
    #expect(inspection.records.map(\.name) == ["layers.9.w", "layers.10.w", "norm", "step"])
    #expect(inspection.parameters == 37)
    #expect(inspection.byteCount == 64 + 16 + 8)
    #expect(
      inspection.totals.map { "\($0.type.name) \($0.tensors) \($0.parameters) \($0.byteCount)" }
        == ["BF16 2 32 64", "F32 1 4 16", "I64 1 1 8"])
    #expect(inspection.adapter == nil)
    #expect(inspection.findings == [])
    #expect(inspection.groups.map(\.pattern.description) == ["layers.{9..10}.w", "norm", "step"])
    #expect(inspection.tree.lines.map(\.label) == ["layers.{9..10}.w", "norm", "step"])
  }

  @Test func `a filter chooses what is shown and counted`() throws {
    let inspection = Inspection(
      checkpoint([tensor("a.weight", [4]), tensor("a.bias", [2])]),
      filter: try NameFilter(exclude: ["**.bias"]))
    #expect(inspection.kind == .stateDict)
    #expect(inspection.records.map(\.name) == ["a.weight"])
    #expect(inspection.parameters == 4)
    #expect(inspection.accepts("b.weight") && !inspection.accepts("b.bias"))
  }

  @Test func `sums that do not fit stay at the largest number`() {
    let huge = tensor("a", [Int.max / 4], .u8)
    let inspection = Inspection(
      checkpoint(
        (0..<9).map { TensorRecord(name: "\($0)", type: huge.type, shape: huge.shape, bytes: nil) })
    )
    #expect(inspection.parameters == .max && inspection.byteCount == .max)
  }

  @Test func `PLoRA is noted and makes no adapter`() {
    let inspection = Inspection(
      checkpoint([
        tensor("model.layers.0.attention.wqkv.weight"),
        tensor("model.layers.0.attention.wqkv.Plora_A.weight"), tensor("plora_glb_GN"),
        tensor("model.exPlora_A.weight"),
      ]))
    #expect(inspection.adapter == nil)
    #expect(inspection.findings.map(\.code) == [.ploraPresent])
    #expect(
      inspection.findings.first?.tensors
        == ["model.layers.0.attention.wqkv.Plora_A.weight", "plora_glb_GN"])
  }

  @Test func `a configuration that cannot be read is a finding`() throws {
    let inspection = Inspection(
      checkpoint(
        [
          tensor("base_model.model.q.lora_A.weight", [4, 2]),
          tensor("base_model.model.q.lora_B.weight", [2, 4]),
        ], with: ["adapter_config.json"]))
    #expect(inspection.kind == .peftAdapter)
    let adapter = try #require(inspection.adapter)
    #expect(adapter.modules.map(\.target) == ["q"])
    #expect(inspection.findings.map(\.code) == [.configMismatch])
    #expect(
      inspection.findings.first?.message
        == "/nowhere/adapter_config.json: no such file or directory")
  }
}
