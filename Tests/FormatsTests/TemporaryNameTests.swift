import Foundation
import TestSupport
import Testing

@testable import Formats

/// What a run that was killed leaves beside its output.
@Suite struct TemporaryNameTests {
  static let names: [(name: String, isOurs: Bool)] = [
    (".out.safetensors.tenon-77-5", true),
    (".out.safetensors.tenon-77-5-old", false), (".out.safetensors.tenon-77", false),
    (".out.safetensors.tenon-77-", false), (".out.safetensors.tenon-+77-5", false),
    (".out.safetensors.tenon-0-5", false), (".out.safetensors.tenon-99999999999999-5", false),
    (".other.safetensors.tenon-77-5", false), ("out.safetensors.tenon-77-5", false),
    (".out.safetensors.tenon-77-5.bak", false),
  ]

  @Test(arguments: names)
  func `names of temporary outputs are told from others`(name: String, isOurs: Bool) {
    #expect((TemporaryName(of: "out.safetensors").process(of: name) == 77) == isOurs)
  }

  @Test func `a name is one of its own kind`() {
    let name = TemporaryName(of: "out")
    #expect(name.process(of: name.unique()) == getpid())
    #expect(name.unique() != name.unique())
  }

  /// The number of a process that has ended.
  private static func endedProcess() throws -> Int32 {
    let process = try Process.run(URL(filePath: "/bin/true"), arguments: [])
    process.waitUntilExit()
    return process.processIdentifier
  }

  @Test func `only what nobody works on is removed`() throws {
    let root = TemporaryDirectory()
    let ended = try Self.endedProcess()
    let stale = ".out.tenon-\(ended)-1"
    let kept = [
      ".out.tenon-\(getpid())-2", ".out.tenon-\(ended)-3", ".out.tenon-\(ended)-4-old",
      ".other.tenon-\(ended)-5", "out",
    ]
    for name in [stale] + kept { try root.write("x", to: "\(name)/model.safetensors") }
    try FileManager.default.createSymbolicLink(
      atPath: root.path(".out.tenon-\(ended)-6"), withDestinationPath: root.path("out"))
    // Another run of that number, in another container.
    let lock = TemporaryLock(root.path(".out.tenon-\(ended)-3"))
    #expect(lock != nil)
    TemporaryName(of: "out").removeStale(in: root.path)
    let left = try FileManager.default.contentsOfDirectory(atPath: root.path)
    #expect(left.sorted() == (kept + [".out.tenon-\(ended)-6"]).sorted())
    withExtendedLifetime(lock) {}
  }
}
