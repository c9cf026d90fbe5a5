import Testing

@testable import Formats

/// Files that mean harm: each must end in the outcome that
/// `fixtures/pytorch/hostile/expected.txt` gives, and none in a crash.
@Suite struct PyTorchHostileTests {
  @Test(arguments: PyTorchFixtures.hostileNames)
  func `ends as expected`(name: String) throws {
    let expected = try #require(PyTorchFixtures.expectedOutcomes[name])
    let found = outcome(of: try PyTorchFixtures.file("hostile/\(name)"))
    #expect(found == expected, "found:\n\(found)")
  }

  @Test func `every expected outcome has its file`() {
    let files = Set(PyTorchFixtures.hostileNames)
    #expect(files.symmetricDifference(PyTorchFixtures.expectedOutcomes.keys).sorted() == [])
    #expect(files.count > 150)
  }
}

/// What reading a file ends in, as text: the error, or the tensors, the findings
/// and the rest. The path is left out.
func outcome(of file: InputFile) -> String {
  do throws(CheckpointError) {
    var file = try PyTorchReader.read(file)
    var lines: [String] = []
    if !file.rootPath.isEmpty { lines.append("root \(file.rootPath.joined(separator: "."))") }
    file.records = Array(file.records.prefix(3))
    for record in file.records {
      let place = record.bytes == nil ? " without data" : ""
      lines.append("\(record.name.quoted) \(record.type.name) \(record.shape)\(place)")
    }
    for finding in file.findings {
      lines.append("\(finding.severity) \(finding.code.rawValue): \(finding.message)")
    }
    for other in file.others.prefix(3) {
      lines.append("beside \(other.path.quoted): \(other.description)")
    }
    return lines.joined(separator: "\n")
  } catch {
    var error = error
    error.path = nil
    return (["error: \(error)"] + error.details).joined(separator: "\n")
  }
}
