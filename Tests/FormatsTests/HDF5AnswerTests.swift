import TestSupport
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

  /// Ways to damage an answer, from a bit to the whole.
  private enum Damage: CaseIterable {
    case bit, byte, number, end, piece

    func apply(to bytes: inout [UInt8], _ random: inout SeededGenerator) {
      let place = Int.random(in: bytes.indices, using: &random)
      switch self {
      case .bit: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      case .byte: bytes[place] = UInt8.random(in: 0...255, using: &random)
      case .number:
        // What no count, size or place should be.
        let width = [2, 4, 8].randomElement(using: &random) ?? 8
        let value = [0, 1, 0x7F, 0x80, 0xFF].randomElement(using: &random) ?? 0
        for position in place..<min(place + width, bytes.count) { bytes[position] = UInt8(value) }
      case .end:
        bytes.removeSubrange(place...)
        bytes += [UInt8(ascii: "E"), 8] + zeros(7) + [1] + zeros(7)
      case .piece:
        // One that stands elsewhere as well.
        let start = Int.random(in: bytes.indices, using: &random)
        let count = Int.random(in: 1...64, using: &random)
        let piece = bytes[start..<min(bytes.count, start + count)]
        bytes.replaceSubrange(place..<min(bytes.count, place + piece.count), with: piece)
      }
    }
  }

  @Test(arguments: [
    "attributes", "bfloat16", "bool-complex", "chunks", "creation-order", "float8", "integers",
    "keras-legacy", "links", "nested-groups", "opaque-unmarked", "places", "shapes", "user-block",
  ]) func `no damage of an answer is a crash`(_ name: String) throws {
    let file = try InputFile(path: Fixtures.path("hdf5/\(name).h5"))
    let whole = try answer(name)
    let seed = UInt64.random(in: 0 ..< .max)
    print("no damage of an answer is a crash, \(name): seed \(seed)")
    var random = SeededGenerator(seed: seed)
    for _ in 0..<400 {
      var damaged = whole
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        Damage.allCases.randomElement(using: &random)?.apply(to: &damaged, &random)
      }
      // Whatever it says: it is refused in words, or what it says of is read.
      do throws(CheckpointError) {
        for record in try HDF5Reader.read(file, answer: damaged).records.prefix(8) {
          _ = try? TensorData.bytes(of: record, limit: 1 << 16)
        }
      } catch {
        #expect(!error.message.isEmpty)
      }
    }
  }

  @Test func `bytes that nobody wrote are no answer`() throws {
    let file = try InputFile(path: Fixtures.path("hdf5/floats.h5"))
    var random = SeededGenerator(seed: 7)
    for count in 0..<300 {
      let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
      #expect(throws: CheckpointError.self) { _ = try HDF5Reader.read(file, answer: bytes) }
    }
  }

  /// Counts without the things that are counted: the first byte of a record, its body,
  /// and the words of the refusal.
  static let claims: [(kind: Character, body: [UInt8], text: String)] = [
    // A path of 4 GiB.
    ("G", [0xFF, 0xFF, 0xFF, 0xFF], "a path"),
    // Four thousand million attributes.
    ("G", [0, 0, 0, 0] + zeros(8) + [0xFF, 0xFF, 0xFF, 0xFF], "the name of an attribute"),
    // As many members of a compound.
    (
      "D", [0, 0, 0, 0] + zeros(8) + [6] + zeros(8) + [0, 0xFF, 0xFF, 0xFF, 0xFF],
      "the name of a member"
    ),
    // 2 to the 62 chunks of bytes.
    (
      "D",
      [0, 0, 0, 0] + zeros(8) + [0, 1] + zeros(7) + [0, 0, 8, 0, 0, 0, 0, 0, 0, 0]
        + [1, 9] + zeros(7) + [0, 0, 0, 0, 2, 1] + zeros(7) + [0] + zeros(7) + [0x40],
      "it claims more chunks than it holds"
    ),
  ]

  @Test(arguments: claims) func `no room is made for what is only claimed`(
    _ claim: (kind: Character, body: [UInt8], text: String)
  ) {
    let error = #expect(throws: CheckpointError.self) {
      _ = try HDF5Answer(
        Self.record("V", [2, 0, 0, 0]) + Self.record(claim.kind, claim.body))
    }
    #expect(
      error?.message.contains(claim.text) == true, "\(error?.message ?? "")")
  }

  private static func record(_ kind: Character, _ body: [UInt8]) -> [UInt8] {
    [kind.asciiValue ?? 0, UInt8(body.count)] + zeros(7) + body
  }

  /// A dataset of bytes in one chunk, which lies at this place.
  private static func chunked(at offset: UInt64, count: UInt64) -> [UInt8] {
    let type = [0] + bytes(1) + [0, 0, 8, 0, 0, 0, 0, 0, 0, 0]
    let chunk = bytes(0) + [0, 0, 0, 0] + bytes(offset) + bytes(count)
    let storage = [2] + bytes(8) + [0] + bytes(1) + chunk
    return record(
      "D",
      [2, 0, 0, 0] + Array("/w".utf8) + bytes(96) + type + [1] + bytes(8)
        + [0, 0, 0, 0] + storage + [0, 0, 0, 0])
  }

  private static func bytes(_ value: UInt64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  static let places: [(offset: UInt64, count: UInt64)] = [
    (18_446_742_974_197_927_856, 8), (0, .max), (1 << 40, 8), (.max, .max),
  ]

  @Test(arguments: places) func `a place that no file has is the fault of the file`(
    _ place: (offset: UInt64, count: UInt64)
  ) throws {
    let file = try InputFile(path: Fixtures.path("hdf5/floats.h5"))
    let answer =
      Self.record("V", [2, 0, 0, 0])
      + Self.chunked(at: place.offset, count: place.count)
      + Self.record("E", Self.bytes(2))
    let contents = try HDF5Reader.read(file, answer: answer)
    #expect(
      contents.findings.map(\.message) == [
        "\"w\" cannot be read: a chunk of \(place.count) bytes at byte \(place.offset) does not lie "
          + "in the file, which has \(file.size)"
      ])
    #expect(contents.records.map(\.name) == ["w"])
    #expect(contents.records.first?.bytes == nil)
  }

  @Test func `an answer of another version says what to do`() {
    let bytes = [UInt8(ascii: "V"), 4, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0]
    let error = #expect(throws: CheckpointError.self) { _ = try HDF5Answer(bytes) }
    #expect(
      error?.message
        == "the answer of tenon-hdf5 is not understood: its version is 9; expected 2")
    #expect(error?.fix == "install tenon and tenon-hdf5 of the same version")
  }
}

private func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }
