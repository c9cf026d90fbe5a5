import Formats
import Inspect
import Testing

@Suite struct AdapterConfigurationTests {
  private func configuration(_ text: String) throws -> AdapterConfiguration {
    try AdapterConfiguration(JSONValue(parsing: Array(text.utf8)), path: "adapter_config.json")
  }

  @Test func `reads what changes the arithmetic`() throws {
    let read = try configuration(
      """
      {"alpha_pattern": {"q_proj": 32.5}, "base_model_name_or_path": "org/base", "bias": "none",
       "fan_in_fan_out": true, "init_lora_weights": true, "lora_alpha": 16.970562748477143,
       "modules_to_save": null, "peft_type": "LORA", "r": 12,
       "rank_pattern": {"b": 2, "a": 4}, "target_modules": ["q_proj", "v_proj"],
       "task_type": "CAUSAL_LM", "use_dora": false, "use_rslora": true}
      """)
    #expect(read.family == "lora")
    #expect(read.base == "org/base")
    #expect(read.rank == 12)
    #expect(read.alpha == 16.970562748477143)
    #expect(read.isRankStabilized)
    #expect(read.isFanInFanOut)
    #expect(read.rankPattern == ModulePatterns([.init("b", 2), .init("a", 4)]))
    #expect(read.alphaPattern == ModulePatterns([.init("q_proj", 32.5)]))
    #expect(read.targets == .names(["q_proj", "v_proj"]))
    #expect(read.features == [])
    let scales = try ConfiguredScales(read)
    #expect(scales.rank(of: "x.b") == 2)
    #expect(scales.rank(of: "x.q_proj") == 12)
    #expect(scales.alpha(of: "x.q_proj") == 32.5)
    #expect(scales.alpha(of: "x.b") == 16.970562748477143)
  }

  @Test(arguments: [
    ("{}", "lora", 8, 8.0),
    (#"{"peft_type": "LOHA", "alpha": 4}"#, "loha", 8, 4.0),
    (#"{"peft_type": "IA3"}"#, "ia3", nil, nil),
    (#"{"peft_type": "VERA"}"#, "vera", 256, nil),
  ])
  func `takes PEFT's defaults`(text: String, family: String, rank: Int?, alpha: Double?) throws {
    let read = try configuration(text)
    #expect(read.family == family)
    #expect(read.rank == rank)
    #expect(read.alpha == alpha)
  }

  @Test(
    arguments: [
      (#"{"use_dora": true, "lora_bias": true}"#, [.dora, .loraBias]),
      (#"{"bias": "lora_only"}"#, [.bias]),
      (#"{"modules_to_save": ["lm_head"]}"#, [.modulesToSave]),
      (#"{"modules_to_save": [], "target_parameters": []}"#, []),
      (#"{"init_lora_weights": "pissa_niter_16"}"#, [.mutatedBase]),
      (#"{"init_lora_weights": "gaussian"}"#, []),
      (#"{"init_lora_weights": "olora"}"#, [.mutatedBase]),
      (#"{"layer_replication": [[0, 4], [2, 5]]}"#, [.layerReplication]),
      (#"{"trainable_token_indices": {"embed_tokens": [0]}}"#, [.trainableTokens]),
      (#"{"use_bdlora": {}, "arrow_config": null, "use_qalora": false}"#, [.blockDiagonal]),
      (#"{"alora_invocation_tokens": [1]}"#, [.activatedLoRA]),
    ] as [(String, [AdapterFeature])])
  func `recognises features that change a merge`(text: String, features: [AdapterFeature]) throws {
    #expect(try configuration(text).features == features)
  }

  @Test func `every feature is explained`() {
    for feature in AdapterFeature.allCases { #expect(feature.explanation != feature.rawValue) }
  }

  @Test(arguments: [
    ("[]", "the file holds a list of 0; expected an object"),
    (#"{"r": "8"}"#, #"r is the string "8"; expected a whole number above 0"#),
    (#"{"r": 0}"#, "r is the number 0; expected a whole number above 0"),
    (#"{"r": 2.5}"#, "r is the number 2.5; expected a whole number above 0"),
    (#"{"r": null}"#, "r is null; expected a whole number above 0"),
    (#"{"lora_alpha": NaN}"#, "lora_alpha is the number NaN; expected a finite number"),
    (#"{"lora_alpha": 1e999}"#, "lora_alpha is the number 1e999; expected a finite number"),
    (#"{"lora_alpha": true}"#, "lora_alpha is true; expected a finite number"),
    (#"{"use_rslora": "yes"}"#, #"use_rslora is the string "yes"; expected true or false"#),
    (
      #"{"rank_pattern": ["q"]}"#,
      "rank_pattern is a list of 1; expected an object of module names and numbers"
    ),
    (
      #"{"rank_pattern": {"q": -1}}"#,
      #"rank_pattern["q"] is the number -1; expected a whole number above 0"#
    ),
    (
      #"{"alpha_pattern": {"q": "x"}}"#,
      #"alpha_pattern["q"] is the string "x"; expected a finite number"#
    ),
    (
      #"{"target_modules": {"a": 1}}"#,
      "target_modules is an object of 1; expected a list of names or a regular expression"
    ),
    (#"{"modules_to_save": "x"}"#, #"modules_to_save is the string "x"; expected a list of names"#),
  ])
  func `names a field of the wrong type`(text: String, message: String) throws {
    let error = #expect(throws: CheckpointError.self) { try configuration(text) }
    #expect(error?.message == message)
    #expect(error?.path == "adapter_config.json")
  }

  @Test func `an invalid pattern is an error of the file`() throws {
    let read = try configuration(#"{"rank_pattern": {"(q": 4}}"#)
    let error = #expect(throws: CheckpointError.self) { try ConfiguredScales(read) }
    #expect(
      error?.description
        == #"adapter_config.json: rank_pattern has the key "(q"; it is no regular expression: "#
        + #"a "(" without ")" at character 1"#)
  }
}
