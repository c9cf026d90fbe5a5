import Compute
import Formats
import Inspect
import Testing

/// What `check` and `inspect` say of PyTorch files that are no plain state dict.
@Suite struct CheckContentTests {
  private func file(
    _ records: [TensorRecord] = [], others: [OtherEntry] = [], findings: [Finding] = []
  ) -> Checkpoint {
    Checkpoint(
      path: "x.pt", format: .pytorchZip, records: records, findings: findings, others: others)
  }

  private func findings(_ checkpoint: Checkpoint) throws -> [Finding] {
    try CheckpointCheck(checkpoint).report(against: .nothing, readsValues: false).findings
  }

  @Test(arguments: [
    (
      [],
      "the file holds no tensors: whatever saved it filtered all of them out, and a checkpoint "
        + "of the training run may still hold them"
    ),
    ([OtherEntry(path: OtherEntry.top, description: "3")], "the file holds no tensors, only 3"),
    (
      ["a", "b", "c", "d"].map { OtherEntry(path: $0, description: "1") },
      "the file holds no tensors, only a: 1, b: 1, c: 1 and 1 more"
    ),
  ])
  func `a file without tensors says what it holds`(others: [OtherEntry], message: String) throws {
    let checkpoint = file(others: others)
    #expect(Inspection(checkpoint).kind == .noTensors)
    #expect(try findings(checkpoint).map(\.message) == [message])
  }

  @Test func `a tensor that is only listed does not lack data`() throws {
    let sparse = TensorRecord(
      name: "s", type: .foreign(name: "sparse_coo F32", bitWidth: 32), shape: [2, 2], bytes: nil)
    let meta = TensorRecord(name: "m", type: .element(.f32), shape: [2], bytes: nil)
    let found = try findings(file([sparse, meta]))
    #expect(
      found.map { "\($0.severity) \($0.code.rawValue): \($0.message)" } == [
        "warning zero-size-tensor: 1 tensor has a shape but no data in the file (m)",
        "note unsupported-type: 1 tensor is listed but not read (s): of type sparse_coo F32",
      ])
  }

  @Test(arguments: [true, false])
  func `a conversion is advised where there are tensors`(hasTensors: Bool) throws {
    let unsafe = Finding(.error, .unsafeGlobal, "names os.system")
    let found = try findings(
      file(hasTensors ? [tensor("w", [2])] : [], findings: [unsafe]))
    #expect(
      found.first { $0.code == .unsafeGlobal }?.fix
        == (hasTensors ? "tenon convert x.pt -o OUT.safetensors" : nil))
  }
}
