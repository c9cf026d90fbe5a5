import Compute
import Formats
import TestSupport
import Testing

@testable import Inspect

/// What should lie beside an adapter and does not.
@Suite struct CheckSideFileTests {
  struct Case: CustomTestStringConvertible {
    let name: String
    var base = "liuhaotian/llava-v1.5-7b"
    var module = "model.layers.0.self_attn.q_proj"
    /// The `config.json` of the base that is given.
    var configuration: String?
    let isMissed: Bool
    var testDescription: String { name }
  }

  static let cases = [
    Case(name: "an adapter of LLaVA's trainer", isMissed: true),
    Case(name: "one on a model of transformers", base: "llava-hf/llava-1.5-7b-hf", isMissed: false),
    Case(
      name: "one of transformers in a directory of such a name", base: "/models/llava-1.5",
      module: "model.language_model.layers.0.self_attn.q_proj", isMissed: false),
    Case(
      name: "one of transformers before 4.52", base: "/models/llava",
      module: "language_model.model.layers.0.self_attn.q_proj", isMissed: false),
    Case(
      name: "a projector of transformers", base: "/models/llava",
      module: "multi_modal_projector.linear_1", isMissed: false),
    Case(name: "another model", base: "/models/vicuna", isMissed: false),
    Case(
      name: "a base of LLaVA under another name", base: "/models/x",
      configuration: #"{"model_type": "llava_llama", "mm_projector_type": "mlp2x_gelu"}"#,
      isMissed: true),
    Case(
      name: "a base of transformers under such a name", base: "/models/llava",
      configuration: #"{"model_type": "llava", "text_config": {}}"#, isMissed: false),
  ]

  @Test(arguments: cases)
  func `LLaVA's projector is missed only where its trainer wrote the adapter`(row: Case) throws {
    let records = ["A", "B"].map { factor in
      tensor("base_model.model.\(row.module).lora_\(factor).weight", [2, 2], .f32)
    }
    let checkpoint = Checkpoint(path: "adapter", format: .safetensors, records: records)
    let family = try #require(AdapterFamily.recognised(AdapterSurvey(checkpoint)))
    let text = #"{"r": 2, "base_model_name_or_path": "\#(row.base)"}"#
    let configuration = try AdapterConfiguration(
      JSONValue(parsing: Array(text.utf8)), path: "adapter_config.json")
    let adapter = try Adapter.read(checkpoint, as: family, configuration: configuration)
    var base: Checkpoint?
    let folder = TemporaryDirectory()
    if let configuration = row.configuration {
      let file = try folder.write(configuration, to: "config.json")
      base = Checkpoint(
        path: folder.path, format: .safetensors, records: [],
        sideFiles: [SideFile(name: "config.json", path: file)])
    }
    let found = SideFileChecks.findings(checkpoint, adapter, base: base)
      .filter { $0.message.hasPrefix("non_lora_trainables.bin is missing") }
    #expect(found.map(\.severity) == (row.isMissed ? [.warning] : []))
  }
}
