import Testing

@testable import Formats

/// A global that runs code is told wherever in a file it is named.
@Suite struct PyTorchGlobalsTests {
  /// Names `os.system` and drops it again.
  static let payload = Array("cos\nsystem\n0".utf8)

  static let message =
    "the pickle names a global that can run code when Python loads the file: os.system"

  @Test(arguments: ["magic number", "protocol", "system information", "object", "storage keys"])
  func `any pickle of a legacy file`(name: String) throws {
    let position = ["magic number", "protocol", "system information", "object", "storage keys"]
      .firstIndex(of: name)
    var bytes = try PyTorchFixtures.bytes("legacy")
    let starts = try withFile(holding: bytes) { file in
      var starts = [0]
      for _ in 0..<4 {
        starts.append(try PickleMachine.run(PickleSource(file, at: starts[starts.count - 1])).end)
      }
      return starts
    }
    // Behind the two bytes that name the protocol.
    bytes.insert(contentsOf: Self.payload, at: starts[try #require(position)] + 2)
    try withFile(holding: bytes) { file in
      let read = try PyTorchReader.read(file)
      #expect(read.findings.filter { $0.code == .unsafeGlobal }.map(\.message) == [Self.message])
    }
  }

  @Test(arguments: ["sys_info", "storages", "tensors", "pickle"])
  func `any member of a tar archive`(name: String) throws {
    var bytes = try PyTorchFixtures.bytes("tar")
    let member = try withFile(holding: bytes) { try TarMembers($0)[name] }
    // The member ends in zeros up to the block, which take what is moved up.
    let payload = Self.payload
    let padded = (member.upperBound + 511) / 512 * 512
    try #require(padded - member.upperBound >= payload.count)
    bytes.replaceSubrange(
      member.lowerBound + 2..<padded,
      with: payload + bytes[member.lowerBound + 2..<padded - payload.count])
    let header = member.lowerBound - 512
    let size = String(member.count + payload.count, radix: 8)
    bytes.replaceSubrange(
      header + 124..<header + 136,
      with: (String(repeating: "0", count: 11 - size.count) + size + "\0").utf8)
    try withFile(holding: bytes) { file in
      let read = try PyTorchReader.read(file)
      #expect(read.findings.filter { $0.code == .unsafeGlobal }.map(\.message) == [Self.message])
    }
  }

  @Test(arguments: [
    // An unknown opcode in the object; then no pickle of storage keys; then data cut short.
    ("\u{01}", 0, "object: pickle has an unknown opcode 0x1"), ("", 1, nil), ("", 2, nil),
  ])
  func `a fault behind it does not hide it`(rest: String, cut: Int, message: String?) throws {
    var bytes = try PyTorchFixtures.bytes("legacy")
    let (start, end) = try withFile(holding: bytes) { file in
      let legacy = try TorchLegacy(file)
      var start = 0
      for _ in 0..<3 { start = try PickleMachine.run(PickleSource(file, at: start)).end }
      return (start, legacy.pickle.end)
    }
    if cut == 1 { bytes.removeSubrange(end...) }
    if cut == 2 { bytes.removeLast() }
    bytes.insert(contentsOf: Self.payload + Array(rest.utf8), at: start + 2)
    try withFile(holding: bytes) { file in
      let error = #expect(throws: CheckpointError.self) { try PyTorchReader.read(file) }
      #expect(error?.details == ["error: \(Self.message) [unsafe-global]"])
      if let message { #expect(error?.message == message) }
    }
  }

  @Test(arguments: [false, true])
  func `a zip that lost its directory`(sizesAreLater: Bool) throws {
    var bytes = try PyTorchFixtures.bytes("hostile/global-system")
    let directory: [UInt8] = [0x50, 0x4B, 1, 2]
    let start = try #require(bytes.indices.first { bytes[$0...].starts(with: directory) })
    bytes.removeSubrange(start...)
    // The fields of the first local header, as where a data descriptor follows.
    if sizesAreLater { bytes.replaceSubrange(18..<26, with: [UInt8](repeating: 0, count: 8)) }
    let message = Self.message.replacing(": os.", with: ": posix.")
    try withFile(holding: bytes) { file in
      let error = #expect(throws: CheckpointError.self) { try PyTorchReader.read(file) }
      #expect(error?.details == ["error: \(message) [unsafe-global]"])
    }
  }
}
