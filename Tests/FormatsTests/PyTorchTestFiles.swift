import Formats
import Glibc
import Testing

/// Calls `body` with a file of these bytes, and removes it afterwards.
@discardableResult
func withFile<Result>(
  holding bytes: [UInt8], _ body: (InputFile) throws -> Result
) throws -> Result {
  var template = Array("/tmp/tenon-test-XXXXXX".utf8CString)
  let descriptor = unsafe mkstemp(&template)
  #expect(descriptor >= 0)
  let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  defer { _ = unsafe unlink(path) }
  var done = 0
  while done < bytes.count {
    let count = unsafe bytes[done...].withUnsafeBytes {
      unsafe write(descriptor, $0.baseAddress, $0.count)
    }
    guard count > 0 else { break }
    done += count
  }
  close(descriptor)
  return try body(InputFile(path: path))
}

/// The files that `fixtures/pytorch/make_fixtures.py` writes.
enum PyTorchFixtures {
  static let directory: String = {
    let here = #filePath.split(separator: "/", omittingEmptySubsequences: false)
    return here.dropLast(3).joined(separator: "/") + "/fixtures/pytorch"
  }()

  /// Those that have a listing beside them.
  static let names = names(in: directory, suffix: ".txt")

  /// The names of the files with this suffix, without it, sorted.
  static func names(in directory: String, suffix: String) -> [String] {
    guard let list = unsafe opendir(directory) else { return [] }
    defer { unsafe _ = closedir(list) }
    var names: [String] = []
    while let entry = unsafe readdir(list) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
        unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
      }
      if name.hasSuffix(suffix) { names.append(String(name.dropLast(suffix.utf8.count))) }
    }
    return names.sorted()
  }

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
  static let hostileNames = names(in: "\(directory)/hostile", suffix: ".pt")

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
