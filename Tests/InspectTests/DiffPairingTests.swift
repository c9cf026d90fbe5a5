import Compute
import Formats
import Testing

@testable import Inspect

@Suite struct DiffPairingTests {
  private func checkpoint(_ names: [String]) -> Checkpoint {
    Checkpoint(path: "x", format: .safetensors, records: names.map { tensor($0) })
  }

  @Test func `puts every tensor into exactly one place`() {
    let pairing = CheckpointPairing(checkpoint(["b", "a", "c"]), checkpoint(["d", "c", "b"]))
    #expect(pairing.pairs.map(\.name) == ["b", "c"])
    #expect(pairing.onlyInA.map(\.name) == ["a"])
    #expect(pairing.onlyInB.map(\.name) == ["d"])
  }

  @Test func `pairs by the new names of the first`() {
    let pairing = CheckpointPairing(
      checkpoint(["x.a", "x.b"]), checkpoint(["a", "c"]), names: ["a", "b"])
    #expect(pairing.pairs.map { "\($0.name) \($0.a.name) \($0.b.name)" } == ["a x.a a"])
    #expect(pairing.onlyInA.map(\.name) == ["b"])
    #expect(pairing.onlyInB.map(\.name) == ["c"])
  }

  @Test func `compares names byte for byte`() {
    let pairing = CheckpointPairing(checkpoint(["e\u{301}"]), checkpoint(["\u{E9}"]))
    #expect(pairing.pairs.isEmpty)
  }

  @Test func `tells shapes before types`() {
    let a = Checkpoint(
      path: "a", format: .safetensors,
      records: [tensor("s", [2, 3]), tensor("t", [2], .f32), tensor("both", [1], .f32)])
    let b = Checkpoint(
      path: "b", format: .safetensors,
      records: [tensor("s", [3, 2]), tensor("t", [2]), tensor("both", [2])])
    let pairing = CheckpointPairing(a, b)
    #expect(pairing.pairs.map(\.headerDifference) == [.shape, .type, .shape])
  }
}
