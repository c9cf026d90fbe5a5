import Compute
import Formats
import TestSupport
import Testing

@testable import Inspect

@Suite struct NameFoldingTests {
  struct Case: CustomTestStringConvertible {
    let names: [String]
    let folded: [String]
    var testDescription: String { folded.joined(separator: " ") }
  }

  static func layers(_ numbers: some Sequence<Int>, _ leaf: String) -> [String] {
    numbers.map { "model.layers.\($0).\(leaf)" }
  }

  static let cases = [
    Case(names: [], folded: []),
    Case(names: ["lm_head.weight"], folded: ["lm_head.weight"]),
    Case(
      names: layers(0..<32, "self_attn.q_proj.weight") + ["model.norm.weight"],
      folded: ["model.layers.{0..31}.self_attn.q_proj.weight ×32", "model.norm.weight"]),
    Case(
      names: layers((0..<32).filter { $0 != 4 }.reversed(), "w"),
      folded: ["model.layers.{0..3,5..31}.w ×31"]),
    Case(names: layers([0, 1], "w"), folded: ["model.layers.{0..1}.w ×2"]),
    Case(names: layers([7], "w"), folded: ["model.layers.7.w"]),
    Case(
      names: (0..<4).flatMap { layer in (0..<8).map { "l.\(layer).experts.\($0).w1" } },
      folded: ["l.{0..3}.experts.{0..7}.w1 ×32"]),
    // Not every combination is there: layer 2 lacks expert 1.
    Case(
      names: ["l.0.e.0", "l.0.e.1", "l.1.e.0", "l.1.e.1", "l.2.e.0"],
      folded: ["l.{0..1}.e.{0..1} ×4", "l.2.e.0"]),
    Case(
      names: [
        "lora_unet_down_blocks_0_attentions_1_proj.alpha",
        "lora_unet_down_blocks_1_attentions_1_proj.alpha",
      ],
      folded: ["lora_unet_down_blocks_{0..1}_attentions_1_proj.alpha ×2"]),
    // Digits inside a word, with a leading zero, or very long ones stay text.
    Case(names: ["fc1.w", "fc2.w"], folded: ["fc1.w", "fc2.w"]),
    Case(names: ["a.01", "a.02"], folded: ["a.01", "a.02"]),
    Case(names: ["a.0", "a.1", "a.00"], folded: ["a.{0..1} ×2", "a.00"]),
    Case(
      names: ["a.10000000000000000000", "a.10000000000000000001"],
      folded: ["a.10000000000000000000", "a.10000000000000000001"]),
    Case(names: ["", ".", "0", "1", ".0."], folded: ["", ".", ".0.", "{0..1} ×2"]),
    Case(
      names: ["0.1.2.3.4.5.6.7.8.9", "0.1.2.3.4.5.6.7.8.10"],
      folded: ["0.1.2.3.4.5.6.7.8.9", "0.1.2.3.4.5.6.7.8.10"]),
    Case(names: ["a.1\u{1B}[2J", "é.3", "é.4"], folded: ["a.1\\u{1b}[2J", "é.{3..4} ×2"]),
  ]

  @Test(arguments: cases)
  func `folds names that differ in numbers`(row: Case) {
    #expect(FoldedKeys.fold(row.names).map(\.description) == row.folded)
  }

  @Test func `keeps three examples in natural order`() {
    let folded = FoldedKeys.fold(Self.layers([10, 2, 1, 11, 3], "w"))
    #expect(folded.map(\.count) == [5])
    #expect(folded.first?.examples == Self.layers([1, 2, 3], "w"))
  }

  @Test func `shows what has another type or shape apart`() {
    var records = Self.layers(0..<32, "mlp.up_proj.weight").map { tensor($0, [16, 8]) }
    records[5].shape = [16, 4]
    records[7].type = .element(.f32)
    let groups = TensorGroup.fold(records)
    #expect(
      groups.map { "\($0.pattern) \($0.type.name) \($0.shape) ×\($0.count) \($0.byteCount)" } == [
        "model.layers.{0..4,6,8..31}.mlp.up_proj.weight BF16 [16, 8] ×30 7680",
        "model.layers.5.mlp.up_proj.weight BF16 [16, 4] ×1 128",
        "model.layers.7.mlp.up_proj.weight F32 [16, 8] ×1 512",
      ])
    #expect(groups.flatMap(\.members).sorted() == Array(0..<32))
  }

  @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8] as [UInt64])
  func `patterns stand for exactly the names that were folded`(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    var names = Set<String>()
    for _ in 0..<300 {
      let (a, b, c) = (
        Int.random(in: 0..<4, using: &generator), Int.random(in: 8..<12, using: &generator),
        Int.random(in: 0..<3, using: &generator)
      )
      names.insert("l.\(a).e_\(b).w\(c).\(a + c)")
    }
    let list = names.shuffled(using: &generator)
    let folded = NameFolding.fold(list)
    #expect(folded.reduce(0) { $0 + $1.pattern.count } == list.count)
    #expect(folded.flatMap(\.members).sorted() == Array(list.indices))
    for group in folded {
      #expect(group.pattern.count == group.members.count)
      let glob = try Glob(group.pattern.description)
      #expect(Set(list.filter(glob.matches)) == Set(group.members.map { list[$0] }))
    }
    // The order of the list changes nothing.
    #expect(
      NameFolding.fold(list.sorted()).map(\.pattern) == folded.map(\.pattern))
  }

  @Test func `folds a hundred thousand tensors`() {
    let records = (0..<100_000).map { index in
      tensor("model.layers.\(index / 1000).experts.\(index % 1000).up_proj.weight")
    }
    let groups = TensorGroup.fold(records)
    #expect(
      groups.map(\.pattern.description) == ["model.layers.{0..99}.experts.{0..999}.up_proj.weight"])
  }
}
