import TestSupport
import Testing

@testable import Formats

/// The checkpoints in `fixtures/deepspeed/damaged`, each with one rule broken.
@Suite struct DeepSpeedDamageTests {
  /// The name of each and its error, without the path of the checkpoint.
  static let errors: [String: String] = {
    let text = (try? Fixtures.bytes("deepspeed/damaged.txt")) ?? []
    var errors: [String: String] = [:]
    for line in String(decoding: text, as: UTF8.self).split(separator: "\n") {
      guard let bar = line.firstRange(of: " | ") else { continue }
      errors[String(line[..<bar.lowerBound])] = String(line[bar.upperBound...])
    }
    return errors
  }()

  static let names: [String] = {
    (try? DirectoryListing(path: Fixtures.path("deepspeed/damaged")))?.directories ?? []
  }()

  @Test func `every damaged checkpoint has its error on record`() {
    #expect(Self.errors.keys.sorted() == Self.names.sorted())
    #expect(Self.names.count > 60)
  }

  @Test(arguments: names)
  func `refuses what is damaged and says what and where`(name: String) throws {
    let path = DeepSpeedFixtures.path("damaged/\(name)")
    let error = try #require(throws: CheckpointError.self) { try Checkpoint.open(path) }
    let text = error.description.dropFirst(path.count).drop { $0 == "/" || $0 == ":" || $0 == " " }
    #expect(error.description.hasPrefix(path))
    #expect(String(text) == Self.errors[name])
  }

  @Test func `names the command where another step can be opened`() throws {
    for (name, step) in [("two-steps", "global_step4"), ("latest-leads-nowhere", "global_step5")] {
      let path = DeepSpeedFixtures.path("damaged/\(name)")
      let error = try #require(throws: CheckpointError.self) { try Checkpoint.open(path) }
      #expect(error.fix == "name one of them, for example \(shellQuoted("\(path)/\(step)"))")
    }
  }

  @Test func `refuses a checkpoint of which any file is cut short anywhere`() throws {
    let whole = DeepSpeedFixtures.path("adapter/global_step5")
    for name in try DirectoryListing(path: whole).files {
      let content = try Fixtures.bytes("deepspeed/adapter/global_step5/\(name)")
      let directory = TemporaryDirectory()
      for other in try DirectoryListing(path: whole).files where other != name {
        let content = try Fixtures.bytes("deepspeed/adapter/global_step5/\(other)")
        _ = try directory.write(content, to: other)
      }
      for length in stride(from: 0, to: content.count, by: 61) {
        let path = try directory.write(Array(content[..<length]), to: name)
        #expect(throws: CheckpointError.self, "\(path) of \(length) bytes") {
          try Checkpoint.open(directory.path)
        }
      }
    }
  }

  @Test func `opens or refuses a checkpoint with any byte changed, and never traps`() throws {
    let seed = UInt64.random(in: 0 ..< .max)
    print("seed \(seed)")
    var random = SeededGenerator(seed: seed)
    for source in ["stage-2", "stage-3-three-ranks-cut-anywhere"] {
      let step = DeepSpeedFixtures.path("\(source)/global_step5")
      let directory = TemporaryDirectory()
      let files = try DirectoryListing(path: step).files
      let contents = try files.map { try Fixtures.bytes("deepspeed/\(source)/global_step5/\($0)") }
      for (file, content) in zip(files, contents) { _ = try directory.write(content, to: file) }
      for _ in 0..<150 {
        let chosen = Int.random(in: files.indices, using: &random)
        var content = contents[chosen]
        for _ in 0..<Int.random(in: 1...3, using: &random) {
          content[Int.random(in: content.indices, using: &random)] = .random(
            in: 0...255, using: &random)
        }
        _ = try directory.write(content, to: files[chosen])
        if let checkpoint = try? Checkpoint.open(directory.path) {
          for record in checkpoint.records where record.bytes != nil {
            _ = try? TensorData.bytes(of: record, limit: 1 << 20)
          }
        }
        _ = try directory.write(contents[chosen], to: files[chosen])
      }
    }
  }
}
