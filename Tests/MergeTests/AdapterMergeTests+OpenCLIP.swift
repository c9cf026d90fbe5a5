import Formats
import Inspect
import TestSupport
import Testing

@testable import Merge

/// The parameter that OpenCLIP applies as `x @ text_projection`: the transpose of the
/// weight that an adapter was trained on.
extension AdapterMergeTests {
  struct ProjectionCase: CustomTestStringConvertible, Sendable {
    let name: String
    let leaves: [(String, TestTensor)]
    let merged: [Float]
    var testDescription: String { name }
  }

  static let projections = [
    ProjectionCase(
      name: "LoRA",
      leaves: [
        ("lora_down.weight", TestTensor([1, 2], [1, 2])),
        ("lora_up.weight", TestTensor([2, 1], [1, 10])),
      ], merged: [4, 15, 6, 32]),
    ProjectionCase(
      name: "LoHa",
      leaves: [
        ("hada_w1_a", TestTensor([2, 1], [1, 10])), ("hada_w1_b", TestTensor([1, 2], [1, 2])),
        ("hada_w2_a", TestTensor([2, 1], [1, 1])), ("hada_w2_b", TestTensor([1, 2], [1, 1])),
      ], merged: [4, 15, 6, 32]),
    ProjectionCase(
      name: "difference", leaves: [("diff", TestTensor([2, 2], [1, 2, 3, 4]))],
      merged: [4, 8, 6, 16]),
    // The lengths of [3, 4] and [5, 12] are 5 and 13.
    ProjectionCase(
      name: "DoRA",
      leaves: [
        ("lora_down.weight", TestTensor([1, 2], [1, 2])),
        ("lora_up.weight", TestTensor([2, 1], [0, 0])),
        ("dora_scale", TestTensor([2, 1], [10, 26])),
      ], merged: [6, 10, 8, 24]),
  ]

  @Test(arguments: projections)
  func `a projection that the base holds transposed`(row: ProjectionCase) throws {
    let (base, adapter) = try projection(row.leaves)
    let output = try run(plan(base, [WeightedAdapter(adapter)])).output
    let found = try floats("conditioner.embedders.1.model.text_projection", of: output)
    #expect(zip(found, row.merged).allSatisfy { abs($0 - $1) < 1e-5 }, "\(found)")
    #expect(found.count == 4)
  }

  @Test func `a Kronecker product of a projection that the base holds transposed is refused`()
    throws
  {
    let (base, adapter) = try projection([
      ("lokr_w1", TestTensor([2, 2], [1, 2, 3, 4])), ("lokr_w2", TestTensor([1, 1], [1])),
    ])
    let error = #expect(throws: CheckpointError.self) {
      try plan(base, [WeightedAdapter(adapter)])
    }
    #expect(
      error?.message
        == "module \"lora_te2_text_projection\": is a Kronecker product, and the base holds the "
        + "weight as [in, out]")
  }

  @Test func `a projection of another size does not fit`() throws {
    let (base, adapter) = try projection([
      ("lora_down.weight", TestTensor([1, 3], [1, 2, 3])),
      ("lora_up.weight", TestTensor([2, 1], [1, 10])),
    ])
    let error = #expect(throws: CheckpointError.self) {
      try plan(base, [WeightedAdapter(adapter)])
    }
    #expect(
      error?.message
        == "module \"lora_te2_text_projection\": the adapter updates [2, 3], but the base has "
        + "[2, 2]")
  }

  /// A base with the projection [[3, 5], [4, 12]], and an adapter of it.
  private func projection(_ leaves: [(String, TestTensor)]) throws -> (Checkpoint, Adapter) {
    let directory = TemporaryDirectory()
    let lead = "conditioner.embedders.1.model"
    try directory.write(
      [
        ("\(lead).text_projection", TestTensor([2, 2], [3, 5, 4, 12])),
        ("\(lead).ln_final.weight", ones([2])),
      ], to: "base.safetensors")
    try directory.write(
      leaves.map { ("lora_te2_text_projection.\($0)", $1) }, to: "lora.safetensors")
    let base = try Checkpoint.open(directory.path("base.safetensors"))
    return (base, try Adapter(Checkpoint.open(directory.path("lora.safetensors"))))
  }
}
