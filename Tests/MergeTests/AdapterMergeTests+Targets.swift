import Formats
import Inspect
import TestSupport
import Testing

@testable import Merge

/// Tensors of modules that the configuration leaves out.
extension AdapterMergeTests {
  static let configurations: [(fields: String, message: String?)] = [
    (#""target_modules": ["q_proj"]"#, nil),
    (
      #""target_modules": ["v_proj"]"#,
      "target_modules does not cover module \"model.layers.1.q_proj\""
    ),
    (
      #""target_modules": ["q_proj"], "exclude_modules": ["q_proj"]"#,
      "exclude_modules leaves out module \"model.layers.1.q_proj\""
    ),
    (
      #""target_modules": ["q_proj"], "layers_to_transform": [0]"#,
      "layers_to_transform leaves out module \"model.layers.1.q_proj\""
    ),
  ]

  @Test(arguments: configurations)
  func `what PEFT would ignore is not merged`(fields: String, message: String?) throws {
    let directory = TemporaryDirectory()
    let base = try base(in: directory, "{}", ["model.layers.1.q_proj.weight": ones([4, 4])])
    let adapter = try adapter(
      in: directory, fields: ", \(fields)", pair("model.layers.1.q_proj", 4, 4))
    guard let message else {
      #expect(try plan(base, [WeightedAdapter(adapter)]).tensors.count == 1)
      return
    }
    let error = #expect(throws: CheckpointError.self) {
      try plan(base, [WeightedAdapter(adapter)])
    }
    #expect(
      error?.message
        == "\(message), of which the file has tensors: PEFT would ignore them; expected a "
        + "configuration for all of them")
    #expect(
      error?.fix
        == "correct adapter_config.json, or choose the modules to merge with --include")
  }

  @Test func `what the base holds in another form is not put beside it`() throws {
    let directory = TemporaryDirectory()
    let base = try base(
      in: directory, #"{"model_type": "mixtral"}"#,
      ["model.layers.0.mlp.experts.0.up_proj.weight": ones([4, 4])])
    let adapter = try adapter(
      in: directory, fields: #", "modules_to_save": ["experts"]"#,
      ["base_model.model.model.layers.0.mlp.experts.gate_up_proj": ones([1, 8, 4])])
    let error = #expect(throws: CheckpointError.self) {
      try plan(base, [WeightedAdapter(adapter)])
    }
    #expect(error?.tensor == "base_model.model.model.layers.0.mlp.experts.gate_up_proj")
    #expect(
      error?.message
        == "is of the loaded model, and the base \(base.path) holds it in another form: fused with "
        + "others, divided or in another order")
    #expect(
      error?.fix
        == "save the base as it is loaded, with save_pretrained(OUT, save_original_format=False), "
        + "and merge into that")
  }

  @Test func `an update that is missing on a replaced tensor is seen`() throws {
    let directory = TemporaryDirectory()
    let base = try base(in: directory, #"{"model_type": "llama"}"#)
    let whole = WeightedAdapter(
      try adapter(
        "whole", in: directory, fields: #", "modules_to_save": ["q_proj"]"#,
        ["base_model.model.model.q_proj.weight": TestTensor([4, 4], (0..<16).map(Float.init))]))
    let update = WeightedAdapter(try adapter("update", in: directory, pair("model.q_proj", 4, 4)))
    try directory.write(
      [
        ("model.embed_tokens.weight", ones([5, 4])),
        ("model.q_proj.weight", TestTensor([4, 4], (0..<16).map(Float.init))),
      ], to: "merged.safetensors")
    let merged = try Checkpoint.open(directory.path("merged.safetensors"))
    let report = try MergeVerification(base: base, merged: merged, options: .init()) {
      (options) throws(CheckpointError) in
      try AdapterMerge(base: base, adapters: [whole, update], options: options).plan
    }.run(progress: Progress(total: 0))
    #expect(report.targets.map(\.verdict) == [.base])
    #expect(report.conclusion() == .nothingMerged)
  }

  @Test(arguments: [true, false])
  func `an adapter without some of its targets is told of`(isWhole: Bool) throws {
    let directory = TemporaryDirectory()
    let base = try base(
      in: directory, "{}",
      [
        "model.layers.0.q_proj.weight": ones([4, 4]), "model.layers.1.q_proj.weight": ones([4, 4]),
      ])
    let adapter = try adapter(
      in: directory, fields: #", "target_modules": ["q_proj", "v_proj"]"#,
      pair("model.layers.0.q_proj", 4, 4))
    var weighted = WeightedAdapter(adapter)
    weighted.isWhole = isWhole
    let findings = try plan(base, [weighted]).findings.filter { $0.code == .configMismatch }
    #expect(
      findings.map(\.message)
        == (isWhole
          ? [
            #"target_modules names "v_proj", of which the file has no tensors"#,
            #"target_modules covers module "model.layers.1.q_proj" of the base too, of which the "#
              + "adapter has no tensors: PEFT would call them missing and change nothing there",
          ] : []))
  }

  @Test(arguments: [true, false])
  func `LLaVA's projector may lie in the adapter itself`(isLlava: Bool) throws {
    let directory = TemporaryDirectory()
    let base = try base(in: directory, "{}")
    if isLlava {
      try directory.write(#"{"mm_projector_type": "linear"}"#, to: "adapter/config.json")
    }
    let projector = "model.mm_projector.0.weight"
    let adapter = try adapter(
      in: directory,
      pair("model.q_proj", 4, 4).map { ($0, $1) }
        + [("base_model.model.\(projector)", ones([2, 2]))])
    #expect(adapter.kind == (isLlava ? .llavaAdapter : .peftAdapter))
    guard isLlava else {
      let error = #expect(throws: CheckpointError.self) {
        try plan(base, [WeightedAdapter(adapter)])
      }
      #expect(error?.tensor == "base_model.model.\(projector)")
      return
    }
    #expect(try plan(base, [WeightedAdapter(adapter)]).tensors.map(\.name).contains(projector))
  }

  @Test func `a model of another vocabulary is no merge`() throws {
    let directory = TemporaryDirectory()
    let base = try base(in: directory, "{}", ["lm_head.weight": ones([5, 4])])
    let adapter = try adapter(
      in: directory, fields: #", "modules_to_save": ["lm_head"]"#,
      ["base_model.model.lm_head.weight": ones([7, 4])])
    let error = #expect(throws: CheckpointError.self) {
      try MergeVerification(base: base, merged: base, options: .init()) {
        (options) throws(CheckpointError) in
        try AdapterMerge(base: base, adapter: adapter, options: options).plan
      }
    }
    #expect(error?.tensor == "lm_head.weight")
    #expect(
      error?.message
        == "has shape [5, 4], where base and adapter make [7, 4]: the adapter was trained with "
        + "another vocabulary, which this model has not got")
    #expect(error?.fix == nil)
  }
}
