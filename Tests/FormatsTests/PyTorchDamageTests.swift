import TestSupport
import Testing

@testable import Formats

/// Files that were cut or changed: whatever comes out, it is no crash.
@Suite struct PyTorchDamageTests {
  /// One of each form whose end a reader must notice.
  static let cuttable = [
    "plain", "python-zip", "deflated", "torchscript", "legacy", "legacy-views", "old-legacy",
  ]

  @Test(arguments: cuttable)
  func `no beginning of a file passes for the whole`(name: String) throws {
    let whole = try PyTorchFixtures.bytes(name)
    for length in 0..<whole.count {
      try withFile(holding: Array(whole[..<length])) { file in
        #expect(throws: CheckpointError.self, "cut to \(length) bytes") {
          try PyTorchReader.read(file)
        }
      }
    }
  }

  @Test func `no beginning of a tar archive crashes the reader`() throws {
    let whole = try PyTorchFixtures.bytes("tar")
    for length in stride(from: 0, to: whole.count, by: 13) {
      try withFile(holding: Array(whole[..<length])) { readEverything($0) }
    }
  }

  @Test(arguments: PyTorchFixtures.names)
  func `a changed file ends in an answer`(name: String) throws {
    let seed = UInt64.random(in: 0 ... .max)
    var random = SeededGenerator(seed: seed)
    print("let seed = 0x\(String(seed, radix: 16)) as UInt64 // changes of \(name)")
    let whole = try PyTorchFixtures.bytes(name)
    for _ in 0..<60 {
      var bytes = whole
      for _ in 0..<Int.random(in: 1...4, using: &random) { mutate(&bytes, using: &random) }
      try withFile(holding: bytes) { readEverything($0) }
    }
  }

  @Test(arguments: PyTorchFixtures.hostileNames)
  func `a changed hostile file ends in an answer`(name: String) throws {
    let seed = UInt64.random(in: 0 ... .max)
    var random = SeededGenerator(seed: seed)
    let whole = try PyTorchFixtures.bytes("hostile/\(name)")
    // The large ones take a second each, and are only long.
    guard !whole.isEmpty, whole.count < 2500, !name.contains("laughs") else { return }
    print("let seed = 0x\(String(seed, radix: 16)) as UInt64 // changes of hostile \(name)")
    for _ in 0..<20 {
      var bytes = whole
      mutate(&bytes, using: &random)
      try withFile(holding: bytes) { readEverything($0) }
    }
  }

  /// Reads the listing and, where it is small, the data and the checksums.
  private func readEverything(_ file: InputFile) {
    _ = try? PyTorchReader.checksumFindings(file)
    guard let read = try? PyTorchReader.read(file) else { return }
    for record in read.records { _ = try? TensorData.bytes(of: record, limit: 1 << 16) }
  }

  private func mutate(_ bytes: inout [UInt8], using random: inout SeededGenerator) {
    let place = Int.random(in: bytes.indices, using: &random)
    switch Int.random(in: 0..<6, using: &random) {
    case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
    case 1: bytes[place] = [0, 1, 0x7F, 0x80, 0xFF][Int.random(in: 0..<5, using: &random)]
    case 2: bytes.remove(at: place)
    case 3: bytes.insert(.random(in: 0 ... .max, using: &random), at: place)
    case 4:
      // Most of the fields that matter are four or eight bytes wide.
      for i in place..<min(place + 4, bytes.count) { bytes[i] = 0xFF }
    default:
      let other = Int.random(in: bytes.indices, using: &random)
      let count = min(8, bytes.count - max(place, other))
      for i in 0..<count { bytes[place + i] = bytes[other + i] }
    }
    if bytes.isEmpty { bytes = [0] }
  }
}
