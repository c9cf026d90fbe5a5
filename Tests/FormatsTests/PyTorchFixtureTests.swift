import Compute
import Testing

@testable import Formats

@Suite struct PyTorchFixtureTests {
  @Test(arguments: PyTorchFixtures.names)
  func `lists and reads what torch lists and reads`(name: String) throws {
    let file = try PyTorchReader.read(PyTorchFixtures.file(name))
    let expected = try PyTorchFixtures.listing(name)
    var lines = try ["root " + file.rootPath.joined(separator: ".")] + file.records.map(row)
    var wanted = expected.split(separator: "\n").map(String.init)
    if file.format == .torchscript {
      // torch lists parameters before buffers, the file has them by module.
      lines.sort()
      wanted.sort()
    }
    #expect(lines == wanted)
  }

  @Test(arguments: PyTorchFixtures.names)
  func `any range of a tensor equals that range of the whole`(name: String) throws {
    for record in try PyTorchReader.read(PyTorchFixtures.file(name)).records {
      guard record.bytes != nil else { continue }
      let whole = try TensorData.bytes(of: record)
      let data = try TensorData(record)
      let middle = whole.count / 3
      #expect(try data.read(0..<middle) + data.read(middle..<whole.count) == whole)
    }
  }

  private func row(_ record: TensorRecord) throws -> String {
    var checksum = "-"
    if record.bytes != nil {
      let bytes = try TensorData.bytes(of: record)
      let value = Checksum.crc32(unsafe bytes.span.bytes)
      let digits = String(value, radix: 16)
      checksum = String(repeating: "0", count: 8 - digits.count) + digits
    }
    return "\(record.name) | \(record.type.name) | \(record.shape) | \(checksum)"
  }
}
