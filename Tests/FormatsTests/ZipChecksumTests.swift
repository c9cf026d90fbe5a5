import Testing

@testable import Formats

@Suite struct ZipChecksumTests {
  private func checksum(_ bytes: [UInt8], after earlier: UInt32 = 0) -> UInt32 {
    Checksum.update(earlier, with: unsafe bytes.span.bytes)
  }

  @Test func `is that of ISO 3309`() {
    #expect(checksum(Array("123456789".utf8)) == 0xCBF4_3926)
    #expect(checksum([]) == 0)
  }

  @Test func `of two pieces is combined to that of the whole`() {
    let whole = (0..<1000).map { UInt8(truncatingIfNeeded: $0 * 7) }
    for cut in [0, 1, 63, 500, 999, 1000] {
      let (first, second) = (Array(whole[..<cut]), Array(whole[cut...]))
      let combined = Checksum.combine(
        checksum(first), checksum(second), count: second.count)
      #expect(combined == checksum(whole))
      #expect(checksum(second, after: checksum(first)) == checksum(whole))
    }
  }

  @Test(arguments: ["plain", "deflated", "torchscript", "python-zip"])
  func `of every entry is what the writer noted`(name: String) throws {
    let archive = try ZipArchive(PyTorchFixtures.file(name))
    for entry in archive.entries { #expect(try Checksum.of(entry) == entry.checksum) }
  }

  @Test func `entries are found without regard to case`() throws {
    let archive = try ZipArchive(PyTorchFixtures.file("plain"))
    #expect(archive["PLAIN/Data.PKL"]?.name == "plain/data.pkl")
    #expect(archive["plain/data.txt"] == nil)
  }
}
