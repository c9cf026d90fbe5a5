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

  @Test(arguments: [
    (
      #""target_modules": "(((q_proj""#,
      #"target_modules is "(((q_proj", which is no regular expression: a "(" without ")" at "#
        + "character 3"
    ),
    (
      #""exclude_modules": "*a""#,
      #"exclude_modules is "*a", which is no regular expression: a "*" with nothing to repeat "#
        + "at character 1"
    ),
    (#""peft_type": "lora""#, #"peft_type is "lora", but PEFT knows only "LORA""#),
    (
      #""r": 2.0"#, "r is 2.0: a rank with a decimal point or an exponent is none to PEFT"
    ),
    (
      #""rank_pattern": {"a": 2e0}"#,
      #"rank_pattern["a"] is 2e0: a rank with a decimal point or an exponent is none to PEFT"#
    ),
  ])
  func `names what PEFT cannot read`(field: String, message: String) throws {
    let found = try checks("{\(field)}").findings()
    #expect(told(found) == ["error config-mismatch: \(message)"])
  }

  @Test(arguments: [#""target_modules": "all-linear""#, #""target_modules": "(?i)a""#])
  func `leaves alone what only tenon cannot read`(field: String) throws {
    #expect(try told(checks("{\(field)}").findings()) == [])
  }

  @Test(arguments: [
    (
      #"{"r": 2, "lora_alpha": 0}"#,
      "error zero-update: the scale (alpha/rank) of module \"a\" is 0: merging changes nothing"
    ),
    (#"{"r": 2, "lora_alpha": 1}"#, ""),
    (#"{"r": 2, "lora_alpha": -1}"#, ""),
  ])
  func `an alpha of 0 changes nothing`(configuration: String, message: String) throws {
    let found = try FactorChecks(adapter: checks(configuration).adapter).findings()
    #expect(told(found) == (message.isEmpty ? [] : [message]))
  }

  @Test(arguments: [
    (ElementType.i8, ElementType.i8, "I8"), (.f8e4m3, .f32, "F8_E4M3"), (.f64, .bf16, ""),
  ])
  func `names types that no merge computes with`(a: ElementType, b: ElementType, type: String)
    throws
  {
    let checkpoint = Checkpoint(
      path: "x", format: .safetensors,
      records: [
        tensor("base_model.model.a.lora_A.weight", [2, 4], a),
        tensor("base_model.model.a.lora_B.weight", [4, 2], b),
      ])
    let found = try FactorChecks(adapter: try Adapter(checkpoint)).findings()
    #expect(found.map(\.code) == (type.isEmpty ? [] : [.unmergeable]))
    #expect(found.allSatisfy { $0.message.contains(" \(type); a merge needs F32") })
  }

  @Test(arguments: [
    ([4], "[0, 1]", [] as [String]),
    ([4], "[0, 4]", ["is for row 4 of model.embed_tokens.weight, which has 4 rows"]),
    ([4], "[-1, 1]", ["is for row -1 of model.embed_tokens.weight, which has 4 rows"]),
    ([], "[0, 1]", ["has shape [2]; expected 2 rows of model.embed_tokens.weight []"]),
  ])
  func `rows that the embedding of the base has not`(
    shape: [Int], indices: String, messages: [String]
  ) throws {
    let name = "base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta"
    let width = shape.isEmpty ? [] : [8]
    let checkpoint = Checkpoint(
      path: "adapter", format: .safetensors, records: [tensor(name, [2] + width, .f32)],
      sideFiles: [SideFile(name: "adapter_config.json", path: "x")])
    let parsed = try AdapterConfiguration(
      JSONValue(parsing: Array("{\"trainable_token_indices\": \(indices)}".utf8)), path: "x")
    let family = try #require(AdapterFamily.recognised(AdapterSurvey(checkpoint)))
    let base = Checkpoint(
      path: "base", format: .safetensors,
      records: [tensor("model.embed_tokens.weight", shape + width, .f32)])
    let checks = try AdapterBaseChecks(
      try Adapter.read(checkpoint, as: family, configuration: parsed), of: checkpoint, base: base)
    #expect(try checks.replacements().map(\.message) == messages.map { "\(name.quoted) \($0)" })
  }
}
