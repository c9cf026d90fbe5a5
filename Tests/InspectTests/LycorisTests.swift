import Compute
import Formats
import OrderedCollections
import Testing

@testable import Inspect

/// Adapters of LyCORIS as PEFT has them.
@Suite struct LycorisTests {
  private static let base = KeyList(
    path: "base",
    [
      KeyList.Entry("down_blocks.0.conv.weight", [8, 4, 3, 3]),
      KeyList.Entry("down_blocks.0.attn.to_q.weight", [8, 32]),
    ])

  private func draft(_ tensors: [(leaf: String, shape: [Int])], of module: String = "attn_to_q")
    throws -> RenamingDraft
  {
    try RenamingDraft(
      Checkpoint(
        path: "x", format: .safetensors,
        records: tensors.map {
          tensor("lora_unet_down_blocks_0_\(module).\($0.leaf)", $0.shape, .f32)
        }))
  }

  private func renamed(_ draft: RenamingDraft) throws -> RenamingDraft {
    var draft = draft
    try draft.apply(try RenamePreset(named: "kohya-to-peft"), base: Self.base)
    return draft
  }

  @Test func `LoHa keeps its leaves`() throws {
    let draft = try renamed(
      draft([
        ("hada_w1_a", [8, 2]), ("hada_w1_b", [2, 32]), ("hada_w2_a", [8, 2]),
        ("hada_w2_b", [2, 32]),
      ]))
    #expect(draft.names[1] == "base_model.model.down_blocks.0.attn.to_q.hada_w1_b")
    let configuration = try #require(draft.configuration)
    #expect(configuration["peft_type"]?.string == "LOHA")
    #expect(configuration["r"]?.int == 2 && configuration["alpha"]?.int == 2)
    #expect(configuration["use_effective_conv2d"]?.bool == false)
    #expect(configuration["lora_alpha"] == nil)
  }

  @Test func `a Kronecker product of whole factors has a rank that makes them whole`() throws {
    let draft = try renamed(draft([("lokr_w1", [2, 4]), ("lokr_w2", [4, 8])]))
    let configuration = try #require(draft.configuration)
    #expect(configuration["peft_type"]?.string == "LOKR")
    #expect(configuration["r"]?.int == 8 && configuration["alpha"]?.int == 8)
    #expect(configuration["decompose_factor"]?.int == -1)
  }

  @Test func `factors that no one number of PEFT gives are refused`() throws {
    let odd = try draft([("lokr_w1", [2, 1]), ("lokr_w2", [4, 32])])
    let error = #expect(throws: CheckpointError.self) { try renamed(odd) }
    #expect(
      error?.message
        == "no decompose_factor gives all 1 modules the first factors that they have, and PEFT has "
        + "one for all")
  }

  @Test(arguments: [("attn_to_q", [8, 1], [8]), ("conv", [8, 1, 1, 1], [1, 8, 1, 1])])
  func `the lengths of DoRA go there and back`(module: String, old: [Int], new: [Int]) throws {
    let isLinear = module == "attn_to_q"
    let tensors = [
      ("lora_down.weight", isLinear ? [2, 32] : [2, 4, 3, 3]),
      ("lora_up.weight", isLinear ? [8, 2] : [8, 2, 1, 1]), ("dora_scale", old),
    ]
    var draft = try renamed(draft(tensors, of: module))
    #expect(draft.tensors[2].record.name.hasSuffix(".lora_magnitude_vector"))
    #expect(draft.tensors[2].record.shape == new)
    #expect(draft.configuration?["use_dora"]?.bool == true)
    try draft.apply(try RenamePreset(named: "peft-to-kohya"), base: Self.base)
    #expect(draft.tensors[2].record.name == "lora_unet_down_blocks_0_\(module).dora_scale")
    #expect(draft.tensors[2].record.shape == old)
  }

  @Test func `lengths of inputs have no form in PEFT`() throws {
    let draft = try draft([
      ("lora_down.weight", [2, 32]), ("lora_up.weight", [8, 2]), ("dora_scale", [1, 32]),
    ])
    let error = #expect(throws: CheckpointError.self) { try renamed(draft) }
    #expect(
      error?.message
        == "has the shape [1, 32], one length for each input; PEFT has one for each of the 8 outputs"
    )
  }
}
