import Compute
import Formats
import Testing

@testable import Inspect

@Suite struct AdapterFamilyTests {
  struct Case: CustomTestStringConvertible {
    let family: AdapterFamily
    let example: AdapterFamily.Example
    var testDescription: String { "\(family.kind.rawValue) \(example.key) → \(example.base)" }
  }

  static let cases = AdapterFamily.table.flatMap { family in
    family.examples.map { Case(family: family, example: $0) }
  }

  @Test func `each family has examples`() {
    for family in AdapterFamily.table {
      #expect(!family.examples.isEmpty, "\(family.kind.rawValue)")
    }
    let kinds = AdapterFamily.table.map(\.kind)
    #expect(Set(kinds).count == kinds.count)
  }

  @Test(arguments: cases)
  func `finds the tensor of the base`(row: Case) throws {
    let key = try #require(row.family.parse(row.example.key, nil))
    if case .plain = key.content {
      #expect(key.target == row.example.base)
      return
    }
    // Decoys are in the base as well.
    let names = [row.example.base, "decoy.weight", "model.decoy.weight", "model.bias"]
    let base = Checkpoint(
      path: "base", format: .safetensors, records: names.map { tensor($0) })
    let places = BasePlaces(
      base, positions: base.positions(), naming: AdapterFamily.naming(of: row.family.kind))
    #expect(places[key.target].flatMap(\.tensors) == [row.example.base])
    if case .part(_, let index, _)? = places[key.target].first {
      #expect(index == row.example.part)
    } else {
      #expect(row.example.part == nil)
    }
  }

  @Test func `refuses keys of other families`() {
    #expect(AdapterKey(kohya: "lora_unet_a.b.c.lora_down.weight") == nil)
    #expect(AdapterKey(kohya: "lora_unet_a.bias") == nil)
    #expect(AdapterKey(mlx: "model.q_proj.scales") == nil)
    #expect(AdapterKey(mlx: "lora_a") == nil)
  }

  @Test(arguments: ["sd1-unet", "sdxl-unet"])
  func `each module of a UNet has its name in the original`(name: String) throws {
    for entry in try KeyFixture.list(name).entries where entry.name.hasSuffix(".weight") {
      let path = String(entry.name.dropLast(".weight".count))
      let originals = UNetNames.originals(path)
      #expect(originals.count == (path.contains("upsamplers") ? 2 : 1), "\(path)")
      #expect(originals.allSatisfy { UNetNames.diffusers($0) == path }, "\(path)")
    }
  }

  @Test func `one flattened name for two tensors is refused`() throws {
    let names = [
      "down_blocks.0.attentions.0.a_b.weight", "down_blocks.0.attentions.0.a.b.weight",
    ]
    let base = Checkpoint(path: "base", format: .safetensors, records: names.map { tensor($0) })
    let matching = BaseMatching(try kohya(["lora_unet_down_blocks_0_attentions_0_a_b"]), base: base)
    #expect(matching.contested.count == 1)
    let error = #expect(throws: CheckpointError.self) { try matching.requireComplete() }
    #expect(
      error?.message
        == #"module "lora_unet_down_blocks_0_attentions_0_a_b": the names stand for several "#
        + "tensors of base, or several of them for one, and nothing tells which is meant")
  }

  @Test func `two text encoders do not share the tensors of one`() throws {
    let path = "text_model_encoder_layers_0_self_attn_q_proj"
    let adapter = try kohya(["lora_te1_\(path)", "lora_te2_\(path)"])
    let name = "text_model.encoder.layers.0.self_attn.q_proj.weight"
    let base = Checkpoint(
      path: "base", format: .safetensors, records: [tensor(name, [8, 6])])
    #expect(BaseMatching(adapter, base: base).contested.count == 2)
  }

  @Test func `other parts of the pipeline are cut off by a command`() throws {
    let stem = "lora_unet_down_blocks_0_attentions_0_proj_in"
    let adapter = try kohya([stem, "lora_te_text_model_encoder_layers_0_mlp_fc1"])
    let base = Checkpoint(
      path: "unet", format: .safetensors,
      records: [tensor("down_blocks.0.attentions.0.proj_in.weight", [8, 6, 1, 1])])
    let matching = BaseMatching(adapter, base: base)
    #expect(matching.matches.map(\.base.name) == ["down_blocks.0.attentions.0.proj_in.weight"])
    let error = #expect(throws: CheckpointError.self) { try matching.requireComplete() }
    #expect(error?.message == "1 of the 2 adapted modules is not in the base unet")
    #expect(
      error?.fix
        == "tenon remap lora.safetensors -o lora-lora_unet.safetensors --include 'lora_unet_**'")
  }

  @Test func `rows of a fused projection are found`() throws {
    let adapter = try kohya(["lora_te2_text_model_encoder_layers_0_self_attn_k_proj"])
    let name = "conditioner.embedders.1.model.transformer.resblocks.0.attn.in_proj_weight"
    let base = Checkpoint(
      path: "sdxl", format: .safetensors, records: [tensor(name, [24, 6])])
    let matching = BaseMatching(adapter, base: base)
    #expect(matching.partialMatches.map(\.rows) == [8..<16])
    try matching.requireComplete()
  }

  @Test func `an underscore too many finds its place and is told`() throws {
    let stem = "lora_unet_transformer_blocks_0_attn_add_k_proj_"
    let adapter = try kohya([stem])
    let base = Checkpoint(
      path: "flux", format: .safetensors,
      records: [tensor("transformer_blocks.0.attn.add_k_proj.weight", [8, 6])])
    let matching = BaseMatching(adapter, base: base)
    #expect(matching.matches.map(\.base.name) == ["transformer_blocks.0.attn.add_k_proj.weight"])
    let finding = adapter.findings.first { $0.code == .prefixDrift }
    #expect(
      finding?.message
        == "2 keys have an underscore too many before the first dot (\(stem).lora_down.weight, … (2 "
        + "patterns)), as SimpleTuner wrote them: it is removed here; programs that load such names "
        + "would ignore them")
    #expect(
      finding?.fix
        == #"tenon remap lora.safetensors -o lora-renamed.safetensors --rename '^([^.]*[^._])_+\.=\1.'"#
    )
    let plain = try kohya([String(stem.dropLast())])
    #expect(!plain.findings.contains { $0.code == .prefixDrift })
  }

  @Test func `check says what the merge refuses`() throws {
    let path = "text_model_encoder_layers_0_self_attn_q_proj"
    let stems = ["lora_te1_\(path)", "lora_te2_\(path)"]
    let single = Checkpoint(
      path: "te", format: .safetensors,
      records: [tensor("text_model.encoder.layers.0.self_attn.q_proj.weight", [8, 6])])
    #expect(
      try messages(stems, single) == [
        "unmatched-key 2 modules (lora_te1_\(path), lora_te2_\(path)): the names stand for several tensors of "
          + "the base te, or several of them for one"
      ])
  }

  private func messages(_ stems: [String], _ base: Checkpoint) throws -> [String] {
    let adapter = try kohya(stems)
    let checkpoint = Checkpoint(path: adapter.path, format: .safetensors, records: [])
    return try AdapterBaseChecks(adapter, of: checkpoint, base: base).findings()
      .map { "\($0.code.rawValue) \($0.message)" }
  }

  private func kohya(_ stems: [String]) throws -> Adapter {
    let records = stems.flatMap { stem in
      [
        tensor("\(stem).lora_down.weight", [4, 6], .f32),
        tensor("\(stem).lora_up.weight", [8, 4], .f32),
      ]
    }
    return try Adapter(
      Checkpoint(path: "lora.safetensors", format: .safetensors, records: records))
  }
}
