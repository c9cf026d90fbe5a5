import Compute
import Formats
import OrderedCollections
import Testing

@testable import Inspect

@Suite struct AdapterTests {
  private func adapter(
    _ records: [TensorRecord], _ configuration: String? = nil, alpha: Double? = nil
  )
    throws -> Adapter
  {
    var checkpoint = Checkpoint(path: "adapter", format: .safetensors, records: records)
    var parsed: AdapterConfiguration?
    if let configuration {
      checkpoint.sideFiles = [
        SideFile(name: "adapter_config.json", path: "adapter/adapter_config.json")
      ]
      parsed = try AdapterConfiguration(
        JSONValue(parsing: Array(configuration.utf8)), path: "adapter/adapter_config.json")
    }
    let family = try #require(AdapterFamily.recognised(AdapterSurvey(checkpoint)))
    return try Adapter.read(checkpoint, as: family, configuration: parsed, alpha: alpha)
  }

  private func pair(
    _ path: String, rank: Int = 4, input: Int = 16, output: Int = 8, infix: String = ""
  ) -> [TensorRecord] {
    [
      tensor("base_model.model.\(path).lora_A\(infix).weight", [rank, input], .f32),
      tensor("base_model.model.\(path).lora_B\(infix).weight", [output, rank], .f32),
    ]
  }

  private func messages(_ adapter: Adapter) -> [String] {
    adapter.findings.map { "\($0.severity.rawValue) \($0.code.rawValue): \($0.message)" }
  }

  @Test func `reads a PEFT adapter with its configuration`() throws {
    let read = try adapter(
      pair("model.layers.10.q_proj") + pair("model.layers.2.q_proj")
        + pair("model.layers.2.v_proj", rank: 2),
      """
      {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "base_model_name_or_path": "org/base",
       "rank_pattern": {"v_proj": 2}, "alpha_pattern": {"layers.10.q_proj": 1}}
      """)
    #expect(read.kind == .peftAdapter)
    #expect(read.family == "lora")
    #expect(read.base == "org/base")
    #expect(read.rank == 4 && read.alpha == 8 && read.scale == 2)
    #expect(
      read.modules.map {
        "\($0.target) \($0.kind) \($0.rank ?? 0) \($0.alpha ?? 0) \($0.scale ?? 0)"
      }
        == [
          "model.layers.2.q_proj linear 4 8.0 2.0", "model.layers.2.v_proj linear 2 8.0 4.0",
          "model.layers.10.q_proj linear 4 1.0 0.25",
        ])
    #expect(read.modules[0].a?.shape == [4, 16])
    #expect(read.modules[0].b?.shape == [8, 4])
    #expect(messages(read) == [])
    #expect(read.leftovers.isEmpty && read.replacements.isEmpty)
  }

  @Test func `rsLoRA divides by the root of the rank`() throws {
    let read = try adapter(
      pair("q", rank: 5), #"{"r": 5, "lora_alpha": 16, "use_rslora": true}"#)
    #expect(read.modules[0].scale == 16 / 5.0.squareRoot())
  }

  @Test func `a raw dump without configuration has no alpha unless one is given`() throws {
    let records = pair("a.q", infix: ".default") + pair("a.v", infix: ".default")
    let read = try adapter(records)
    #expect(read.kind == .peftAdapter)
    #expect(read.rank == 4 && read.alpha == nil && read.scale == nil)
    #expect(read.names == ["default"])
    #expect(
      messages(read) == [
        "warning alpha-unknown: no file says the lora_alpha of the 2 adapted modules; "
          + "merging needs --alpha"
      ])
    let given = try adapter(records, alpha: 8)
    #expect(given.alpha == 8 && given.scale == 2)
    #expect(messages(given) == [])
  }

  /// What diffusers' `save_lora_adapter` writes for a model that is no part of a pipeline.
  @Test func `takes the configuration that the file itself holds`() throws {
    let names = ["A", "B"].map { "down_blocks.0.attn.to_q.lora_\($0).weight" }
    var checkpoint = Checkpoint(
      path: "x", format: .safetensors,
      records: [tensor(names[0], [4, 16], .f32), tensor(names[1], [8, 4], .f32)])
    checkpoint.metadata[PackedConfigurations.key] =
      #"{"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["to_q"]}"#
    let adapter = try Adapter(checkpoint)
    #expect(adapter.alpha == 8 && adapter.modules.map(\.scale) == [2])
    let report = try CheckpointCheck(checkpoint).report(against: .nothing, readsValues: false)
    #expect(
      report.findings.map { "\($0.severity.rawValue) \($0.message)" } == [
        "note 2 keys begin with the path of the module, as save_lora_adapter of diffusers writes "
          + "them: the model's load_lora_adapter takes them with prefix=None, and a pipeline wants "
          + "\"unet.\" before them"
      ])
    var draft = try RenamingDraft(checkpoint)
    for preset in ["diffusers-to-peft", "peft-to-diffusers"] {
      try draft.apply(try RenamePreset(named: preset), base: nil)
    }
    #expect(draft.names == names.map { "unet.\($0)" })
    let packed = try PackedConfigurations(draft.metadata[PackedConfigurations.key], path: "x")
    #expect(packed["unet"]?["lora_alpha"]?.int == 8 && packed.whole == nil)
  }

  @Test func `names the wrapped keys and the renaming`() throws {
    let read = try adapter(
      pair("q").map { record in
        var record = record
        record.name = "module.\(record.name)"
        return record
      }, #"{"r": 4}"#)
    let finding = try #require(read.findings.first)
    #expect(finding.tensors.count == 2)
    #expect(finding.renaming == [Finding.Renaming(#"^module\."#, "")])
  }

  @Test func `removes wrappers and reports them`() throws {
    let read = try adapter(
      [
        tensor("_orig_mod.base_model.model.q.lora_A.weight", [4, 16]),
        tensor("_orig_mod.base_model.model.q.lora_B.weight", [8, 4]),
      ], #"{"r": 4}"#)
    #expect(read.modules.map(\.target) == ["q"])
    #expect(read.wrappers == [KeyWrapper(text: "_orig_mod.", count: 2)])
    #expect(
      messages(read) == [
        "warning prefix-drift: 2 keys hold the wrapper \"_orig_mod.\", which is removed here; "
          + "PEFT would ignore them when loading"
      ])
  }

  struct FaultCase: CustomTestStringConvertible {
    let records: [TensorRecord]
    let configuration: String?
    let message: String
    var testDescription: String { message }

    init(_ records: [TensorRecord], _ configuration: String?, _ message: String) {
      self.records = records
      self.configuration = configuration
      self.message = message
    }
  }

  static let faults = [
    FaultCase(
      [], "{}",
      "error empty-adapter: the adapter holds no tensors: whatever saved it filtered all of them "
        + "out, and a checkpoint of the training run may still hold them"),
    FaultCase(
      [
        tensor("base_model.model.q.lora_A.weight", [0]),
        tensor("base_model.model.q.lora_B.weight", [0]),
      ], "{}",
      "error zero-size-tensor: 2 tensors of the adapter have no elements: it was saved under ZeRO-3 "
        + "without gathering, and the data is in the DeepSpeed checkpoint of the run"),
    FaultCase(
      [tensor("base_model.model.l.0.q.lora_A.weight", [8, 2])], "{}",
      "error missing-pair: module \"l.0.q\": has lora_A, but no lora_B"),
    FaultCase(
      [
        tensor("base_model.model.q.lora_A.weight", [8, 2]),
        tensor("base_model.model.q.lora_B.weight", [2, 4]),
      ], "{}",
      "error rank-mismatch: module \"q\": the factors A [8, 2] and B [2, 4] have the ranks 8 and 4; "
        + "expected the same"),
    FaultCase(
      (0..<2).flatMap {
        [
          tensor("base_model.model.l.\($0).q.lora_A.weight", [4, 2]),
          tensor("base_model.model.l.\($0).q.lora_B.weight", [2, 4]),
        ]
      }, "{}",
      "error rank-mismatch: 2 modules (l.{0..1}.q): the tensors have rank 4, but the configuration "
        + "says 8"),
    FaultCase(
      [
        tensor("base_model.model.q.lora_A.weight", [8]),
        tensor("base_model.model.q.lora_B.weight", [2, 4]),
      ], "{}",
      "error shape-mismatch: module \"q\": the factors A [8] and B [2, 4] are no matrices [r, in] "
        + "and [out, r]"),
    FaultCase(
      [
        tensor("base_model.model.q.lora_A.weight", [8, 2]),
        tensor("base_model.model.q.lora_B.weight", [2, 8]),
        tensor("base_model.model.q.lora_A.default.weight", [8, 2]),
      ], "{}",
      "error duplicate-key: 1 key means the same as an earlier one once wrappers and prefixes are "
        + "removed"),
    FaultCase(
      [
        tensor("base_model.model.q.lora_A.one.weight", [8, 2]),
        tensor("base_model.model.q.lora_B.one.weight", [2, 8]),
        tensor("base_model.model.q.lora_A.two.weight", [8, 2]),
        tensor("base_model.model.q.lora_B.two.weight", [2, 8]),
      ], "{}",
      "error unmergeable: the file holds 2 adapters, \"one\", \"two\"; expected one"),
    FaultCase(
      [tensor("q.lora_A.weight", [8, 2]), tensor("q.lora_B.weight", [2, 8])], "{}",
      "warning prefix-drift: 2 keys do not begin with \"base_model.model.\"; PEFT would ignore them "
        + "when loading"),
    FaultCase(
      [
        tensor("base_model.model.base_model.model.q.lora_A.weight", [8, 2]),
        tensor("base_model.model.base_model.model.q.lora_B.weight", [2, 8]),
      ], "{}",
      "warning nested-wrapper: 2 keys have \"base_model.model.\" more than once: the adapter was "
        + "trained on a model that already held one"),
    FaultCase(
      [
        tensor("base_model.model.q.lora_A.weight", [8, 2]),
        tensor("base_model.model.q.lora_B.weight", [2, 8]),
        tensor("base_model.model.plora_glb_GN", [1, 1, 4]),
      ], "{}",
      "warning base-tensor-in-adapter: 1 tensor of the base's PLoRA lies in the adapter; they are no "
        + "LoRA and replace those of the base"),
    FaultCase(
      [
        tensor("base_model.model.q.lora_A.weight", [8, 2]),
        tensor("base_model.model.q.lora_B.weight", [2, 8]),
      ], #"{"init_lora_weights": "pissa"}"#,
      "warning mutated-base: init_lora_weights is \"pissa\": the adapter fits only the base that the "
        + "start of its training changed"),
    FaultCase(
      [
        tensor("base_model.model.q.lora_A.weight", [8, 2]),
        tensor("base_model.model.q.lora_B.weight", [2, 8]),
      ], #"{"use_qalora": true}"#,
      "error unmergeable: use_qalora: the adapter pools the input in groups (QALoRA), so that no "
        + "single weight does what it does"),
    FaultCase(
      [
        tensor("base_model.model.q.lora_A.mine.weight", [8, 2]),
        tensor("base_model.model.q.lora_B.mine.weight", [2, 8]),
      ], "{}",
      "warning prefix-drift: 2 keys hold the adapter's name \"mine\": loading it under any other "
        + "name, PEFT would ignore them"),
    FaultCase(
      [
        tensor("base_model.model.q.lora_down.weight", [8, 2]),
        tensor("base_model.model.q.lora_up.weight", [2, 8]),
      ], "{}",
      "error unmatched-key: 2 keys end in lora_down or lora_up, as kohya's scripts call lora_A and "
        + "lora_B: PEFT would ignore them"),
    FaultCase(
      [
        tensor("base_model.model.q.lora_A.weight", [8, 2]),
        tensor("base_model.model.q.lora_B.weight", [2, 8]),
        tensor("base_model.model.q.lora_C.weight", [2, 8]),
      ], "{}",
      "error unmatched-key: 1 key is none that a peft-adapter has: "
        + "base_model.model.q.lora_C.weight"),
    FaultCase(
      [
        tensor("base_model.model.c.lora_A.weight", [8, 6, 3, 3]),
        tensor("base_model.model.c.lora_B.weight", [4, 4, 1, 1]),
      ], "{}",
      "error unmergeable: module \"c\": the factors A [8, 6, 3, 3] and B [4, 4, 1, 1] are those of a "
        + "convolution in 2 groups, which neither PEFT nor tenon can merge"),
    FaultCase(
      [tensor("prompt_embeddings", [4, 8])], #"{"peft_type": "PREFIX_TUNING"}"#,
      "error unmergeable: the adapter is of the kind PREFIX_TUNING, which trains vectors that the "
        + "model reads before its input and changes no weight of the base: there is nothing to "
        + "merge, and PEFT has to load it beside the base"),
    FaultCase(
      [tensor("base_model.model.q.hra_u", [8, 6])], #"{"peft_type": "HRA", "r": 0}"#,
      "error unmergeable: the adapter is of the kind HRA, whose changes of the weights tenon does "
        + "not compute: merging is not supported"),
    FaultCase(
      [tensor("base_model.model.q.oft_R.weight", [8, 7])], #"{"peft_type": "OFT", "r": 0}"#,
      "error shape-mismatch: module \"q\": the factors oft_R.weight [8, 7] do not fit together"),
    FaultCase(
      [
        tensor("base_model.model.q.lora_A.weight", [8, 2]),
        tensor("base_model.model.q.lora_B.weight", [2, 8]),
      ], #"{"peft_type": "XLORA"}"#,
      "error unmergeable: the adapter is of the kind XLORA, which mixes adapters by the input, so "
        + "that no single weight does what it does"),
    FaultCase(
      [
        tensor("base_model.model.q.lora_A.weight", [8, 2]),
        tensor("base_model.model.q.lora_B.weight", [2, 8]),
      ], #"{"arrow_config": {}}"#,
      "error unmergeable: arrow_config: the adapter routes between adapters by the input (Arrow), so "
        + "that no single weight does what it does"),
  ]

  @Test(arguments: faults)
  func `finds what is wrong`(row: FaultCase) throws {
    let read = try adapter(row.records, row.configuration)
    #expect(messages(read) == [row.message])
    // Every tensor is in exactly one place.
    let placed =
      read.modules.flatMap { $0.tensors.map(\.record.name) } + read.shared.map(\.record.name)
      + read.replacements.map(\.record.name) + read.frozenCopies.map(\.name)
      + read.leftovers.map(\.name)
    #expect(placed.sorted() == row.records.map(\.name).sorted())
  }

  @Test(arguments: [
    (
      ["lora_A.weight", "lora_B.weight", "lora_magnitude_vector"], "dora", AdapterModule.Kind.linear
    ),
    (["lora_A.weight", "lora_B.weight", "lora_E"], "adalora", .adalora),
    (["lora_embedding_A", "lora_embedding_B"], "lora", .embedding),
    (["hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"], "loha", .loha),
    (["lokr_w1", "lokr_w2_a", "lokr_w2_b"], "lokr", .lokr),
    (["ia3_l"], "ia3", .ia3),
    (["vera_lambda_b", "vera_lambda_d"], "vera", .vera),
  ])
  func `names the method by its leaves`(leaves: [String], family: String, kind: AdapterModule.Kind)
    throws
  {
    let read = try adapter(leaves.map { tensor("base_model.model.q.\($0)", [8, 8]) })
    #expect(read.family == family)
    #expect(read.modules.map(\.kind) == [kind])
    #expect(read.modules[0].tensors.map(\.leaf.name) == leaves)
  }

  @Test func `recognises convolutions and fused experts`() throws {
    let read = try adapter(
      [
        tensor("base_model.model.c.lora_A.weight", [2, 3, 3, 3]),
        tensor("base_model.model.c.lora_B.weight", [8, 2, 1, 1]),
        tensor("base_model.model.l.0.mlp.experts.base_layer.lora_A.weight", [8, 16]),
        tensor("base_model.model.l.0.mlp.experts.base_layer.lora_B.weight", [16, 8]),
        tensor("base_model.model.l.0.mlp.experts.lora_A.weight", [8, 16]),
        tensor("base_model.model.l.0.mlp.experts.lora_B.weight", [16, 8]),
      ],
      """
      {"r": 2, "lora_alpha": 2,
       "target_parameters": ["mlp.experts.gate_up_proj", "mlp.experts.down_proj"]}
      """)
    #expect(
      read.modules.map { "\($0.target) \($0.kind) \($0.scale ?? 0)" } == [
        "c convolution 1.0", "l.0.mlp.experts parameter 1.0", "l.0.mlp.experts parameter 1.0",
      ])
    #expect(read.features == [.targetParameters])
    #expect(messages(read) == [])
  }

  @Test func `separates replacements and frozen copies`() throws {
    let read = try adapter(
      pair("q")
        + [
          tensor("base_model.model.lm_head.modules_to_save.default.weight"),
          tensor("base_model.model.lm_head.original_module.weight"),
          tensor("base_model.model.embed_tokens.token_adapter.trainable_tokens_delta"),
          tensor("base_model.model.embed_tokens.base_layer.weight"),
        ], #"{"r": 4, "modules_to_save": ["lm_head"]}"#)
    #expect(
      read.replacements.map { "\($0.target) \($0.kind.rawValue)" } == [
        "embed_tokens.weight token rows", "embed_tokens.weight base layer",
        "lm_head.weight trained module",
      ])
    #expect(read.frozenCopies.map(\.name) == ["base_model.model.lm_head.original_module.weight"])
    #expect(messages(read) == [])
  }

  struct KindCase: CustomTestStringConvertible {
    let names: [String]
    let sideFiles: [String]
    let kind: CheckpointKind?
    var testDescription: String { names[0] }

    init(_ names: [String], _ kind: CheckpointKind?, with sideFiles: [String] = []) {
      self.names = names
      self.sideFiles = sideFiles
      self.kind = kind
    }
  }

  static let kinds = [
    KindCase(["model.layers.0.q_proj.weight", "lm_head.weight"], nil),
    KindCase(
      [
        "model.layers.0.attention.wqkv.weight", "model.layers.0.attention.wqkv.Plora_A.weight",
        "model.layers.0.attention.wqkv.Plora_B.weight", "plora_glb_GN",
      ], nil),
    KindCase(["base_model.model.q.lora_A.weight"], .peftAdapter),
    KindCase(
      ["base_model.model.q.lora_A.weight"], .llavaAdapter,
      with: ["adapter_config.json", "non_lora_trainables.bin"]),
    KindCase(
      [
        "language_model.base_model.model.model.layers.0.attention.wqkv.base_layer.weight",
        "language_model.base_model.model.model.layers.0.attention.wqkv.lora_A.default.weight",
        "language_model.base_model.model.model.layers.0.attention.wqkv.lora_B.default.weight",
        "mlp1.0.weight",
      ], .wrappedCheckpoint),
    // Before PEFT 0.7, and XComposer 1.
    KindCase(["a.q.weight", "a.q.lora_A.default.weight"], .wrappedCheckpoint),
    KindCase(["a.q_proj.weight", "a.q_proj.lora_A.weight"], .wrappedCheckpoint),
    // The states of a training, with the configuration of its adapter.
    KindCase(
      (0..<3).flatMap { ["a.\($0).base_layer.weight", "a.\($0).lora_A.default.weight"] },
      .wrappedCheckpoint, with: ["adapter_config.json", "non_lora_trainables.bin"]),
    // All that an adapter of the two embeddings' projections holds.
    KindCase(
      [
        "base_model.model.lm_head.lora_A.weight", "base_model.model.lm_head.lora_B.weight",
        "base_model.model.lm_head.base_layer.weight",
      ], .peftAdapter, with: ["adapter_config.json"]),
    // An adapter with the resized embedding.
    KindCase(
      [
        "base_model.model.q.lora_A.weight", "base_model.model.lm_head.lora_A.weight",
        "base_model.model.lm_head.base_layer.weight",
      ], .peftAdapter),
    KindCase(
      [
        "lora_te1_text_model_encoder_layers_0_self_attn_q_proj.lora_down.weight",
        "lora_te1_text_model_encoder_layers_0_self_attn_q_proj.lora_up.weight",
        "lora_te1_text_model_encoder_layers_0_self_attn_q_proj.alpha",
      ], .kohyaAdapter),
    KindCase(["lycoris_unet_a.hada_w1_a", "lycoris_unet_a.hada_w1_b"], .kohyaAdapter),
    KindCase(
      ["transformer.single_transformer_blocks.0.attn.to_q.lora_A.weight"], .diffusersAdapter),
    KindCase(
      [
        "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.processor.to_q_lora.down.weight"
      ],
      .diffusersAdapter),
    KindCase(
      ["text_encoder.text_model.encoder.layers.0.self_attn.q_proj.lora_A.weight"], .diffusersAdapter
    ),
    KindCase(["base_model.model.q.lora_down.weight"], .peftAdapter),
    // GPT-2 without the prefix.
    KindCase(["transformer.h.0.attn.c_attn.lora_A.weight"], .peftAdapter),
    KindCase(["base_model.model.prompt_embeddings"], .peftAdapter, with: ["adapter_config.json"]),
  ]

  @Test(arguments: kinds)
  func `recognises the family by the keys`(row: KindCase) {
    let checkpoint = Checkpoint(
      path: "x", format: .safetensors, records: row.names.map { tensor($0) },
      sideFiles: row.sideFiles.map { SideFile(name: $0, path: $0) })
    #expect(AdapterFamily.recognised(AdapterSurvey(checkpoint))?.kind == row.kind)
  }
}
