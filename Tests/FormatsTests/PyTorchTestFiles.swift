import Formats
import TestSupport

/// Calls `body` with a file of these bytes, and removes it afterwards.
@discardableResult
func withFile<Result>(
  holding bytes: [UInt8], _ body: (InputFile) throws -> Result
) throws -> Result {
  let directory = TemporaryDirectory()
  return try withExtendedLifetime(directory) {
    try body(InputFile(path: directory.write(bytes, to: "file")))
  }
}

/// The files that `fixtures/pytorch/make_fixtures.py` writes.
enum PyTorchFixtures {
  static let directory = Fixtures.path("pytorch")

  /// Those that have a listing beside them.
  static let names = Fixtures.names(in: "pytorch", suffix: ".txt")

  static func file(_ name: String) throws -> InputFile {
    try InputFile(path: "\(directory)/\(name).pt")
  }

  static func bytes(_ name: String) throws -> [UInt8] {
    try file(name).readAll(limit: 1 << 20)
  }

  static func listing(_ name: String) throws -> String {
    let file = try InputFile(path: "\(directory)/\(name).txt")
    return String(decoding: try file.readAll(limit: 1 << 20), as: UTF8.self)
  }
}

extension PyTorchFixtures {
  static let hostileNames = Fixtures.names(in: "pytorch/hostile", suffix: ".pt")

  /// The blocks of `expected.txt` by their titles.
  static let expectedOutcomes: [String: String] = {
    guard let file = try? InputFile(path: "\(directory)/hostile/expected.txt"),
      let bytes = try? file.readAll(limit: 1 << 20)
    else { return [:] }
    var outcomes: [String: String] = [:]
    var title = ""
    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
      if line.hasPrefix("# ") {
        title = String(line.dropFirst(2))
        outcomes[title] = ""
      } else {
        outcomes[title, default: ""] += (outcomes[title] == "" ? "" : "\n") + line
      }
    }
    return outcomes
  }()
}
