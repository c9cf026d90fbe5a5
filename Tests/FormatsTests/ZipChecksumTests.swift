import Testing

@testable import Formats

@Suite struct ZipChecksumTests {
  @Test(arguments: ["plain", "deflated", "torchscript", "python-zip"])
  func `of every entry is what the writer noted`(name: String) throws {
    let archive = try ZipArchive(PyTorchFixtures.file(name))
    for entry in archive.entries { #expect(try StoredChecksum(entry).computed() == entry.checksum) }
  }

  @Test func `entries are found without regard to case`() throws {
    let archive = try ZipArchive(PyTorchFixtures.file("plain"))
    #expect(archive["PLAIN/Data.PKL"]?.name == "plain/data.pkl")
    #expect(archive["plain/data.txt"] == nil)
  }
}
