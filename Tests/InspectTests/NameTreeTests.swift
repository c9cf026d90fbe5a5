import Compute
import Formats
import Inspect
import Testing

@Suite struct NameTreeTests {
  private func render(_ records: [TensorRecord]) -> [String] {
    NameTree(TensorGroup.fold(records)).lines.map { line in
      let indent = String(repeating: "  ", count: line.depth)
      guard let group = line.group else { return "\(indent)\(line.label) (\(line.tensorCount))" }
      let times = group.count == 1 ? "" : " ×\(group.count)"
      return "\(indent)\(line.label) \(group.type.name) \(group.shape)\(times)"
    }
  }

  @Test func `nests modules and joins those with one child`() {
    var records = [
      tensor("lm_head.weight", [64, 8]), tensor("model.embed_tokens.weight", [64, 8]),
    ]
    for layer in 0..<12 {
      records.append(tensor("model.layers.\(layer).input_layernorm.weight", [8]))
      for projection in ["q", "k"] {
        let type: ElementType = layer == 5 && projection == "k" ? .f32 : .bf16
        records.append(
          tensor("model.layers.\(layer).self_attn.\(projection)_proj.weight", [8, 8], type))
      }
    }
    #expect(
      render(records) == [
        "lm_head.weight BF16 [64, 8]",
        "model (37)",
        "  embed_tokens.weight BF16 [64, 8]",
        "  layers (36)",
        "    {0..11} (24)",
        "      input_layernorm.weight BF16 [8] ×12",
        "      self_attn.q_proj.weight BF16 [8, 8] ×12",
        "    {0..4,6..11}.self_attn.k_proj.weight BF16 [8, 8] ×11",
        "    5.self_attn.k_proj.weight F32 [8, 8]",
      ])
  }

  @Test func `joins a chain down to the layers`() {
    let records = (0..<3).flatMap { layer in
      ["a", "b"].map { tensor("base_model.model.model.layers.\(layer).q.lora_\($0).weight", [2]) }
    }
    #expect(
      render(records) == [
        "base_model.model.model.layers.{0..2}.q (6)", "  lora_a.weight BF16 [2] ×3",
        "  lora_b.weight BF16 [2] ×3",
      ])
  }

  @Test func `a tensor may have others below it`() {
    #expect(
      render([tensor("a", []), tensor("a.b", [1]), tensor("a.c", [1]), tensor("", [])]) == [
        " BF16 []", "a BF16 []", "  b BF16 [1]", "  c BF16 [1]",
      ])
  }

  @Test func `deep names cost no stack`() {
    let name = String(repeating: "a.", count: 100_000)
    #expect(NameTree(TensorGroup.fold([tensor(name)])).lines.map(\.depth) == [0])
  }
}
