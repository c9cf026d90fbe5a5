import Compute
import Formats
import Testing

@testable import Inspect

/// Adapters of Flux on their way to kohya's scripts, which put together what diffusers
/// holds apart.
@Suite struct FluxFusionTests {
  private static let configuration = #"{"peft_type": "LORA", "r": 1, "lora_alpha": 2}"#

  /// A tensor of bytes, all of one number.
  private static func bytes(_ name: String, _ shape: [Int], _ value: UInt8) throws -> TensorRecord {
    let count = shape.reduce(1, *)
    let file = try InputFile(holding: Array(repeating: value, count: count), name: name)
    return TensorRecord(
      name: name, type: .element(.u8), shape: shape,
      bytes: TensorBytes(Extent(file: file, offset: 0, count: count)))
  }

  /// Factors of rank 1 for modules that read 2 numbers, each with its own values.
  private static func draft(
    _ modules: [(path: String, rows: Int)], lead: String = "base_model.model.",
    configuration: String? = configuration, isShared: Bool = false
  ) throws -> RenamingDraft {
    var records: [TensorRecord] = []
    for (index, module) in modules.enumerated() {
      let value = UInt8(index + 1)
      records.append(
        try bytes("\(lead)\(module.path).lora_A.weight", [1, 2], isShared ? 9 : value))
      records.append(
        try bytes("\(lead)\(module.path).lora_B.weight", [module.rows, 1], 10 * value))
    }
    var draft = try RenamingDraft(Checkpoint(path: "m", format: .safetensors, records: records))
    draft.configuration = try configuration.map { try JSONValue(parsing: Array($0.utf8)) }
    return draft
  }

  private static let attention = ["q", "k", "v"].map { "single_transformer_blocks.3.attn.to_\($0)" }
  private static let single =
    attention.map { ($0, 2) } + [("single_transformer_blocks.3.proj_mlp", 8)]

  private func kohya(_ draft: RenamingDraft, base: KeyList? = nil) throws -> RenamingDraft {
    var draft = draft
    try draft.apply(try RenamePreset(named: "peft-to-kohya"), base: base)
    return draft
  }

  private func text(_ draft: RenamingDraft) throws -> [String] {
    try draft.tensors.map { tensor in
      let bytes = try TensorData.bytes(of: tensor.record).map { "\($0)" }.joined(separator: " ")
      return "\(tensor.record.name) \(tensor.record.shape) \(bytes)"
    }
  }

  @Test func `the factors of the parts are stacked, those of B on the diagonal`() throws {
    let draft = try kohya(try Self.draft(Self.single))
    let linear = "lora_unet_single_blocks_3_linear1"
    let b = (0..<4).flatMap { part in
      (0..<(part == 3 ? 8 : 2)).map { _ in
        (0..<4).map { $0 == part ? "\(10 * (part + 1))" : "0" }.joined(separator: " ")
      }
    }
    #expect(
      try text(draft).prefix(2) == [
        "\(linear).lora_down.weight [4, 2] 1 1 2 2 3 3 4 4",
        "\(linear).lora_up.weight [14, 4] \(b.joined(separator: " "))",
      ])
    // The scale of 2 needs an alpha of 8 for the rank of 4.
    #expect(draft.names.last == "\(linear).alpha")
    let alpha = try #require(draft.tensors.last)
    #expect(try AlphaScalar.value(of: alpha.record) == 8)
    #expect(
      draft.projections.map { "\($0.from) \($0.to) \($0.moduleCount)" } == [
        #"["attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp"] ["linear1"] 1"#
      ])
  }

  @Test func `what the parts read alike stays one`() throws {
    let draft = try kohya(try Self.draft(Self.single, isShared: true))
    #expect(draft.tensors.map(\.record.shape) == [[1, 2], [14, 1], []])
  }

  @Test func `the rows of a part that is not there are 0`() throws {
    let draft = try kohya(try Self.draft([(Self.attention[1], 2)]))
    #expect(
      try text(draft)[1] == "lora_unet_single_blocks_3_linear1.lora_up.weight [14, 1] 0 0 10 10"
        + String(repeating: " 0", count: 10))
  }

  @Test func `names of diffusers with their text encoders`() throws {
    let others = ["text_encoder.text_model.encoder.layers.0.mlp.fc1", "text_encoder_2.encoder.q"]
    let modules = Self.single.map { ("transformer.\($0.0)", $0.1) } + others.map { ($0, 2) }
    let draft = try kohya(try Self.draft(modules, lead: "", configuration: nil))
    #expect(
      KohyaNames.unique(draft.names.map(KohyaNames.stem)) == [
        "lora_unet_single_blocks_3_linear1", "lora_te1_text_model_encoder_layers_0_mlp_fc1",
        "lora_te3_encoder_q",
      ])
  }

  @Test func `the names of a base tell Flux from Stable Diffusion 3`() throws {
    let modules = ["q", "k", "v"].map { ("transformer_blocks.0.attn.to_\($0)", 2) }
    let draft = try Self.draft(modules)
    let error = #expect(throws: CheckpointError.self) { try kohya(draft) }
    #expect(
      error?.description
        == "m: its modules could be those of Flux or of Stable Diffusion 3, of which kohya's "
        + "scripts put together others")
    #expect(error?.fix == "add --to-match with the base")
    let flux = try KeyFixture.list("flux")
    let stem = "lora_unet_double_blocks_0_img_attn_qkv"
    #expect(Set(try kohya(draft, base: flux).names.map(KohyaNames.stem)) == [stem])
    let other = KeyList(path: "sd3", modules.map { KeyList.Entry("\($0.0).weight") })
    #expect(
      try kohya(draft, base: other).names[0]
        == "lora_unet_transformer_blocks_0_attn_to_q.lora_down.weight")
  }

  struct Refusal: CustomTestStringConvertible {
    let modules: [(path: String, rows: Int)]
    var configuration: String? = FluxFusionTests.configuration
    let error: String
    var testDescription: String { error }
  }

  static let refusals = [
    Refusal(
      modules: single + [("norm_out.linear", 4)],
      error:
        #"m: tensor "base_model.model.norm_out.linear": has its halves the other way round in "#
        + "the original of Flux, whose names kohya's scripts use"),
    Refusal(
      modules: single,
      configuration: #"{"r": 1, "lora_alpha": 2, "alpha_pattern": {"to_k": 4}}"#,
      error: #"m: tensor "base_model.model.single_blocks.3.linear1": its parts have the scales "#
        + "2.0, 4.0, 2.0, 2.0; one projection has one scale"),
    Refusal(
      modules: single.dropLast() + [("single_transformer_blocks.3.proj_mlp", 6)],
      error: #"m: tensor "base_model.model.single_blocks.3.linear1": "#
        + "single_transformer_blocks.3.attn.to_q has 2, single_transformer_blocks.3.attn.to_k has 2, "
        + "single_transformer_blocks.3.attn.to_v has 2, single_transformer_blocks.3.proj_mlp has 6 "
        + "rows; expected the proportions [1, 1, 1, 4]"),
  ]

  @Test(arguments: refusals)
  func `what cannot be exact is refused`(row: Refusal) throws {
    let draft = try Self.draft(row.modules, configuration: row.configuration)
    let error = #expect(throws: CheckpointError.self) { try kohya(draft) }
    #expect(error?.description == row.error)
  }
}
