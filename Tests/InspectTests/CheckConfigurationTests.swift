import Compute
import Formats
import Testing

@testable import Inspect

/// What `check` says of a configuration beside its tensors.
@Suite struct CheckConfigurationTests {
  private func checks(_ configuration: String, _ names: [String] = [])
    throws -> AdapterConfigurationChecks
  {
    let records =
      [
        tensor("base_model.model.a.lora_A.weight", [2, 4], .f32),
        tensor("base_model.model.a.lora_B.weight", [4, 2], .f32),
      ] + names.map { tensor("base_model.model.\($0)", [2, 2], .f32) }
    let checkpoint = Checkpoint(path: "adapter", format: .safetensors, records: records)
    let parsed = try AdapterConfiguration(
      JSONValue(parsing: Array(configuration.utf8)), path: "adapter_config.json")
    let family = try #require(AdapterFamily.recognised(AdapterSurvey(checkpoint)))
    let adapter = try Adapter.read(checkpoint, as: family, configuration: parsed)
    return AdapterConfigurationChecks(adapter: adapter, configuration: parsed)
  }

  private func told(_ findings: [Finding]) -> [String] {
    findings.map { "\($0.severity.rawValue) \($0.code.rawValue): \($0.message)" }
  }

  @Test(arguments: [
    (#""task_type": "SEQ_CLS", "modules_to_save": ["classifier", "score"]"#, ["score.weight"], ""),
    (
      #""task_type": "TOKEN_CLS", "modules_to_save": ["classifier", "score", "classifier", "score"]"#,
      ["classifier.dense.weight", "classifier.dense.bias"], ""
    ),
    (
      #""task_type": "SEQ_CLS", "modules_to_save": ["classifier", "score", "pooler"]"#,
      ["score.weight"], #""pooler""#
    ),
    (
      #""task_type": "SEQ_CLS", "modules_to_save": ["classifier", "score", "classifier"]"#, [],
      #""classifier", "score""#
    ),
    (
      #""task_type": "QUESTION_ANS", "modules_to_save": ["qa_outputs"]"#, [], #""qa_outputs""#
    ),
    (
      #""task_type": "CAUSAL_LM", "modules_to_save": ["classifier", "score"]"#, ["score.weight"],
      #""classifier""#
    ),
    (#""modules_to_save": ["layers.2.mlp"]"#, ["l.layers.2.mlp.up.weight"], ""),
    (#""modules_to_save": ["layers.2.mlp"]"#, ["l.layers.21.mlp.up.weight"], #""layers.2.mlp""#),
    (#""modules_to_save": ["lm_head"]"#, ["lm_head.weight"], ""),
  ])
  func `misses saved modules, but not the heads that other models have`(
    fields: String, names: [String], absent: String
  ) throws {
    let found = try checks("{\"r\": 2, \(fields)}", names).findings()
    #expect(
      told(found)
        == (absent.isEmpty
          ? []
          : [
            "warning config-mismatch: modules_to_save names \(absent), of which the file has no "
              + "tensors: what was trained there is lost"
          ]))
  }
}
