import Testing

@testable import Formats

/// The helper's answer is as hostile as the file that it is about.
@Suite struct HDF5AnswerTests {
  /// A whole answer: the helper's, of a file with chunks, attributes and several types.
  private func answer(_ name: String = "chunks") throws -> [UInt8] {
    try HDF5Helper.index(InputFile(path: Fixtures.path("hdf5/\(name).h5")))
  }

  @Test func `every beginning of an answer is refused`() throws {
    for name in ["attributes", "bool-complex", "links"] {
      let whole = try answer(name)
      #expect(throws: Never.self) { _ = try HDF5Answer(whole) }
      for count in 0..<whole.count {
        #expect(throws: CheckpointError.self) { _ = try HDF5Answer(Array(whole.prefix(count))) }
      }
    }
  }

  @Test func `no damage of an answer is a crash`() throws {
    let whole = try answer()
    var random = SplitMix(seed: 20)
    for _ in 0..<2000 {
      var damaged = whole
      for _ in 0..<1 + random.next() % 4 {
        damaged[Int(random.next() % UInt64(damaged.count))] = UInt8(
          truncatingIfNeeded: random.next())
      }
      // Whatever it says, what is read of it is either refused or a value.
      _ = try? HDF5Answer(damaged)
    }
  }

  @Test func `an answer of another version says what to do`() {
    let bytes = [UInt8(ascii: "V"), 4, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0]
    let error = #expect(throws: CheckpointError.self) { _ = try HDF5Answer(bytes) }
    #expect(
      error?.message
        == "the answer of tenon-hdf5 is not understood: its version is 9; expected 1")
    #expect(error?.fix == "install tenon and tenon-hdf5 of the same version")
  }
}

/// Numbers that are the same for a seed on every machine.
private struct SplitMix {
  var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var word = state
    word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
    return word ^ word >> 31
  }
}
