import Inspect
import Testing

@Suite struct NaturalOrderTests {
  static let ordered = [
    "lm_head.weight",
    "model.layers.0.self_attn.q_proj.weight",
    "model.layers.2.mlp.weight",
    "model.layers.2.self_attn.q_proj.bias",
    "model.layers.10.mlp.weight",
    "model.layers.10.mlp-extra.weight",
    "model.layers.18446744073709551617.w",
    "model.layers.18446744073709551618.w",
    "model.layers.20000000000000000000.w",
    "model.layers.norm.w",
    "model.norm1",
    "model.norm01",
    "model.norm1.b",
    "model.norm2",
    "model.norm10",
  ]

  @Test func `orders digit runs as numbers and modules together`() {
    #expect(NaturalOrder.sorted(Self.ordered.reversed()) == Self.ordered)
  }

  @Test func `is a total order`() {
    let names = Self.ordered + ["", ".", "a", "a.", "0", "00", "0a", "a0", "a00", "a0b", "a00b"]
    for a in names {
      for b in names {
        #expect(
          (a == b) == (!NaturalOrder.precedes(a, b) && !NaturalOrder.precedes(b, a)), "\(a) \(b)")
        for c in names where NaturalOrder.precedes(a, b) && NaturalOrder.precedes(b, c) {
          #expect(NaturalOrder.precedes(a, c), "\(a) \(b) \(c)")
        }
      }
    }
  }

  @Test func `orders a hundred thousand names`() {
    let names = (0..<100_000).map { "model.layers.\($0 % 94).experts.\($0 / 94).up_proj.weight" }
    let sorted = NaturalOrder.sorted(names)
    #expect(sorted.first == "model.layers.0.experts.0.up_proj.weight")
    #expect(sorted.last == "model.layers.93.experts.1062.up_proj.weight")
    #expect(zip(sorted, sorted.dropFirst()).allSatisfy { NaturalOrder.precedes($0, $1) })
  }
}
