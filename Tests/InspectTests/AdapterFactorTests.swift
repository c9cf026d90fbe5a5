import Compute
import Formats
import Testing

@testable import Inspect

@Suite struct `Factors of adapter modules` {
  struct Case: CustomTestStringConvertible {
    let tensors: [(leaf: String, shape: [Int])]
    let kind: AdapterModule.Kind
    let shape: [Int]?
    let rank: Int?
    var testDescription: String { tensors.map(\.leaf).joined(separator: " ") }

    init(
      _ tensors: [(leaf: String, shape: [Int])], _ kind: AdapterModule.Kind, _ shape: [Int]?,
      rank: Int?
    ) {
      self.tensors = tensors
      self.kind = kind
      self.shape = shape
      self.rank = rank
    }
  }

  static let kohya = [
    Case([("lora_down.weight", [4, 6]), ("lora_up.weight", [8, 4])], .linear, [8, 6], rank: 4),
    Case(
      [("lora_down.weight", [4, 6, 3, 3]), ("lora_up.weight", [8, 4, 1, 1])], .convolution,
      [8, 6, 3, 3], rank: 4),
    Case(
      [
        ("lora_down.weight", [4, 6, 1, 1]), ("lora_up.weight", [8, 4, 1, 1]),
        ("lora_mid.weight", [4, 4, 3, 3]),
      ], .convolution, [8, 6, 3, 3], rank: 4),
    Case(
      [
        ("hada_w1_a", [8, 4]), ("hada_w1_b", [4, 6]), ("hada_w2_a", [8, 4]), ("hada_w2_b", [4, 6]),
      ], .loha, [8, 6], rank: 4),
    Case(
      [
        ("hada_t1", [4, 4, 3, 3]), ("hada_w1_a", [4, 8]), ("hada_w1_b", [4, 6]),
        ("hada_t2", [4, 4, 3, 3]), ("hada_w2_a", [4, 8]), ("hada_w2_b", [4, 6]),
      ], .loha, [8, 6, 3, 3], rank: 4),
    Case([("lokr_w1", [2, 3]), ("lokr_w2", [4, 2])], .lokr, [8, 6], rank: nil),
    Case(
      [("lokr_w1", [2, 3]), ("lokr_w2_a", [4, 5]), ("lokr_w2_b", [5, 2])], .lokr, [8, 6], rank: 5),
    Case(
      [
        ("lokr_w1_a", [2, 5]), ("lokr_w1_b", [5, 3]), ("lokr_t2", [5, 5, 3, 3]),
        ("lokr_w2_a", [5, 4]), ("lokr_w2_b", [5, 2]),
      ], .lokr, [8, 6, 3, 3], rank: 5),
    Case([("lokr_w1", [2, 3]), ("lokr_w2", [4, 2, 3, 3])], .lokr, [8, 6, 3, 3], rank: nil),
    Case([("weight", [8]), ("on_input", [])], .ia3, [8], rank: nil),
    Case([("diff", [8, 6]), ("diff_b", [8])], .full, [8, 6], rank: nil),
    Case([("w_norm", [8]), ("b_norm", [8])], .full, [8], rank: nil),
    Case([("a1.weight", [4, 8]), ("a2.weight", [8, 4])], .other, nil, rank: nil),
    Case([("oft_blocks", [2, 4, 4])], .other, nil, rank: nil),
    // Incomplete, or of shapes that do not fit together.
    Case([("lokr_w1", [2, 3]), ("lokr_w2_a", [4, 5])], .lokr, nil, rank: nil),
    Case(
      [
        ("hada_w1_a", [8, 4]), ("hada_w1_b", [5, 6]), ("hada_w2_a", [8, 4]), ("hada_w2_b", [4, 6]),
      ], .loha, nil, rank: 5),
    Case([("lokr_w1", [1 << 40, 3]), ("lokr_w2", [1 << 40, 2])], .lokr, nil, rank: nil),
  ]

  @Test(arguments: kohya)
  func `of kohya's scripts and LyCORIS`(row: Case) throws {
    let module = try module(row, stem: "lora_unet_a")
    #expect(module.kind == row.kind)
    #expect(module.updatedShape == row.shape)
    #expect(module.rank == row.rank)
  }

  static let peft = [
    Case(
      [("lora_A.weight", [4, 6]), ("lora_B.weight", [8, 4]), ("lora_E", [4, 1])], .adalora, [8, 6],
      rank: 4),
    Case(
      [("lora_embedding_A", [4, 50]), ("lora_embedding_B", [8, 4])], .embedding, [50, 8], rank: 4),
    Case([("ia3_l", [8, 1])], .ia3, [8, 1], rank: nil),
    Case([("vera_lambda_b", [8]), ("vera_lambda_d", [4])], .vera, [8], rank: 4),
    Case([("oft_R.weight", [2, 6])], .rotation, [2, 6], rank: nil),
    Case([("oft_embedding_R.weight", [1, 3])], .rotation, [1, 3], rank: nil),
    Case([("oft_R.weight", [2, 7])], .rotation, nil, rank: nil),
    Case([("boft_R", [1, 2, 3, 3]), ("boft_s", [8, 1])], .rotation, [1, 2, 3, 3], rank: nil),
    // Without its outputs, and of two butterfly factors.
    Case([("boft_R", [1, 2, 3, 3])], .rotation, nil, rank: nil),
    Case([("boft_R", [2, 2, 4, 4]), ("boft_s", [8, 1])], .rotation, nil, rank: nil),
    Case(
      [
        ("lora_A.weight", [4, 6]), ("lora_B.weight", [8, 4]), ("lora_B.bias", [8]),
        ("lora_magnitude_vector", [8]),
      ], .linear, [8, 6], rank: 4),
  ]

  @Test(arguments: peft)
  func `of PEFT`(row: Case) throws {
    let module = try module(row, stem: "base_model.model.a")
    #expect(module.kind == row.kind)
    #expect(module.updatedShape == row.shape)
    #expect(module.rank == row.rank)
  }

  @Test func `each role is the role of a leaf`() {
    let rows: [AdapterLeaf.Row] = [AdapterLeaf.peftRows, AdapterLeaf.kohyaRows]
      .flatMap { $0.values.flatMap { $0 } }
    let roles = Set(rows.map { $0.leaf.role })
    #expect(roles == Set(AdapterLeaf.Role.allCases))
  }

  @Test func `magnitudes know whose they are`() throws {
    let ordinary = try module(
      Case(
        [
          ("lora_A.weight", [4, 6]), ("lora_B.weight", [8, 4]),
          ("lora_magnitude_vector.weight", [8]),
        ], .linear, nil, rank: 4),
      stem: "base_model.model.a")
    #expect(ordinary.magnitude?.convention == .peft)
    #expect(ordinary.tensor(.magnitude)?.shape == [8])
    let lycoris = try module(
      Case(
        [
          ("lora_down.weight", [4, 6]), ("lora_up.weight", [8, 4]), ("dora_scale", [8, 1]),
        ], .linear, nil, rank: 4),
      stem: "lora_unet_a")
    #expect(lycoris.magnitude?.convention == .lycoris)
  }

  @Test func `alpha is read from its scalar`() throws {
    let file = try InputFile(
      holding: [0, 0, 0, 64, 0, 0, 0, 0, 0, 0, 0xC0, 0x7F], name: "alphas")
    func alpha(_ stem: String, at offset: Int) -> TensorRecord {
      TensorRecord(
        name: "\(stem).alpha", type: .element(.f32), shape: [],
        bytes: TensorBytes(Extent(file: file, offset: offset, count: 4)))
    }
    func read(_ alpha: TensorRecord) throws -> Adapter {
      let factors = [("lora_down.weight", [4, 6]), ("lora_up.weight", [8, 4])].map {
        tensor("lora_unet_a.\($0.0)", $0.1)
      }
      return try Adapter(
        Checkpoint(path: "x", format: .safetensors, records: factors + [alpha]))
    }
    let two = try read(alpha("lora_unet_a", at: 0)).modules[0]
    #expect(two.alpha == 2 && two.scale == 0.5)
    // kohya's scripts take 0 for the rank.
    let zero = try read(alpha("lora_unet_a", at: 4)).modules[0]
    #expect(zero.alpha == 4 && zero.scale == 1)
    let broken = try read(alpha("lora_unet_a", at: 8))
    #expect(broken.modules[0].scale == nil)
    #expect(
      broken.findings.map(\.message) == [
        #"tensor "lora_unet_a.alpha": holds nan; expected a finite number of 0 or more"#
      ])
  }

  private func module(_ row: Case, stem: String) throws -> AdapterModule {
    let records = row.tensors.map { tensor("\(stem).\($0.leaf)", $0.shape) }
    let adapter = try Adapter(Checkpoint(path: "x", format: .safetensors, records: records))
    #expect(adapter.leftovers.isEmpty && adapter.modules.count == 1)
    return try #require(adapter.modules.first)
  }
}
