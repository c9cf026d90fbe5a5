import Compute
import Formats
import Testing

@testable import Inspect

/// Flux: adapters in the original's names, a base in those of diffusers, which holds
/// apart what the original fuses.
@Suite struct FluxTests {
  /// A small Flux in the names of diffusers, with heads of 4 and 16 inputs.
  private static let base = Checkpoint(
    path: "flux", format: .safetensors,
    records: [
      tensor("transformer_blocks.0.attn.to_q.weight", [16, 16]),
      tensor("transformer_blocks.0.attn.to_k.weight", [16, 16]),
      tensor("transformer_blocks.0.attn.to_v.weight", [16, 16]),
      tensor("single_transformer_blocks.0.attn.to_q.weight", [16, 16]),
      tensor("single_transformer_blocks.0.attn.to_k.weight", [16, 16]),
      tensor("single_transformer_blocks.0.attn.to_v.weight", [16, 16]),
      tensor("single_transformer_blocks.0.proj_mlp.weight", [64, 16]),
    ])

  private func adapter(_ tensors: [(name: String, shape: [Int])]) throws -> Adapter {
    try Adapter(
      Checkpoint(
        path: "lora.safetensors", format: .safetensors,
        records: tensors.map { tensor($0.name, $0.shape, .f32) }))
  }

  private func lora(_ stem: String, outputs: Int) -> [(name: String, shape: [Int])] {
    [("\(stem).lora_down.weight", [4, 16]), ("\(stem).lora_up.weight", [outputs, 4])]
  }

  struct Case: CustomTestStringConvertible {
    let stem: String
    let outputs: Int
    /// The tensors of the base and the rows of each.
    let parts: [String]
    var testDescription: String { stem }
  }

  static let cases = [
    Case(
      stem: "lora_unet_double_blocks_0_img_attn_qkv", outputs: 48,
      parts: ["q", "k", "v"].map { "transformer_blocks.0.attn.to_\($0).weight 16" }),
    Case(
      stem: "lora_unet_single_blocks_0_linear1", outputs: 112,
      parts: ["q", "k", "v"].map { "single_transformer_blocks.0.attn.to_\($0).weight 16" }
        + ["single_transformer_blocks.0.proj_mlp.weight 64"]),
  ]

  @Test(arguments: cases)
  func `a fused module is divided among the tensors of the base`(row: Case) throws {
    let adapter = try adapter(lora(row.stem, outputs: row.outputs))
    let matching = BaseMatching(adapter, base: Self.base)
    try matching.requireComplete()
    #expect(
      matching.matches.map { "\($0.base.name) \($0.module.b?.shape[0] ?? 0)" } == row.parts)
    #expect(matching.matches.allSatisfy { $0.module.a?.shape == [4, 16] && !$0.isTransposed })
  }

  @Test func `rows that are not those of the base are refused`() throws {
    let adapter = try adapter(lora("lora_unet_double_blocks_0_img_attn_qkv", outputs: 36))
    let error = #expect(throws: CheckpointError.self) {
      try BaseMatching(adapter, base: Self.base).requireComplete()
    }
    #expect(
      error?.message == #"module "lora_unet_double_blocks_0_img_attn_qkv": "#
        + "the adapter updates [36, 16], but the base has [16, 16]")
  }

  @Test func `two modules for one tensor are refused`() throws {
    let adapter = try adapter(
      lora("lora_unet_double_blocks_0_img_attn_qkv", outputs: 48)
        + lora("lora_unet_transformer_blocks_0_attn_to_k", outputs: 16))
    #expect(BaseMatching(adapter, base: Self.base).contested.count == 2)
  }

  @Test func `a Kronecker product is not divided`() throws {
    let stem = "lora_unet_double_blocks_0_img_attn_qkv"
    let adapter = try adapter([("\(stem).lokr_w1", [4, 4]), ("\(stem).lokr_w2", [12, 4])])
    let matching = BaseMatching(adapter, base: Self.base)
    let error = #expect(throws: CheckpointError.self) { try matching.requireComplete() }
    #expect(
      error?.message == #"module "\#(stem)": the base holds it as several tensors, and factors of "#
        + "the kind lokr cannot be divided among them")
  }

  @Test func `a part that the base lacks leaves the module without a place`() throws {
    let records = Self.base.records.filter { !$0.name.hasSuffix("0.attn.to_v.weight") }
    let base = Checkpoint(path: "flux", format: .safetensors, records: records)
    let adapter = try adapter(lora("lora_unet_double_blocks_0_img_attn_qkv", outputs: 48))
    #expect(BaseMatching(adapter, base: base).unmatched.count == 1)
  }

  @Test(arguments: cases)
  func `remap gives PEFT the parts`(row: Case) throws {
    let list = KeyList(
      path: "lora",
      lora(row.stem, outputs: row.outputs).map { KeyList.Entry($0.name, $0.shape) })
    var draft = RenamingDraft(list)
    try draft.apply(try RenamePreset(named: "kohya-to-peft"), base: KeyList(Self.base))
    let parts = row.parts.map { $0.split(separator: " ") }
    #expect(
      draft.tensors.map { "\($0.record.name) \($0.record.shape)" }
        == parts.map { "base_model.model.\($0[0].dropLast(7)).lora_A.weight [4, 16]" }
        + parts.map { "base_model.model.\($0[0].dropLast(7)).lora_B.weight [\($0[1]), 4]" })
    #expect(draft.projections.map(\.moduleCount) == [1])
  }

  @Test func `each module of Flux that has a part in the original has its name there`() throws {
    let list = try KeyFixture.list("flux")
    var originals: Set<String> = []
    for entry in list.entries where entry.name.hasSuffix(".weight") {
      let path = String(entry.name.dropLast(".weight".count))
      guard let original = FluxNames.original(path) else { continue }
      #expect(originals.insert(original.path).inserted, "\(path)")
      let names = Set(list.names)
      #expect(names.isSuperset(of: original.place.tensors), "\(path)")
    }
    let blocks = originals.filter { $0.contains("_blocks.0.") }
    #expect(blocks.count == 13)
  }
}
