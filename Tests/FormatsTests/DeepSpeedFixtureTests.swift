import Compute
import Foundation
import TestSupport
import Testing

@testable import Formats

/// The checkpoints that `fixtures/deepspeed/make_fixtures.py` and `train.py` write.
enum DeepSpeedFixtures {
  /// Those that have a listing beside them.
  static let names: [String] = {
    let listing = try? DirectoryListing(path: Fixtures.path("deepspeed"))
    let names = (listing?.files ?? []).filter { $0.hasSuffix(".txt") && $0 != "damaged.txt" }
    return names.map { String($0.dropLast(4)) }
  }()

  static func path(_ name: String) -> String { Fixtures.path("deepspeed/\(name)") }

  static func listing(_ name: String) throws -> [String] {
    let text = String(decoding: try Fixtures.bytes("deepspeed/\(name).txt"), as: UTF8.self)
    return text.split(separator: "\n").map(String.init)
  }

  /// A tensor as the listings have it.
  static func row(_ record: TensorRecord, in checkpoint: Checkpoint) throws -> String {
    let bytes = try TensorData.bytes(of: record)
    let checksum = Checksum.crc32(unsafe bytes.span.bytes)
    let digits = String(checksum, radix: 16)
    let padded = String(repeating: "0", count: 8 - digits.count) + digits
    let isTrained = checkpoint.trained?.contains(ExactName(record.name)) == true
    return "\(record.name) | \(record.type.name) | \(record.shape) | \(padded)"
      + (isTrained ? " | trained" : "")
  }
}

@Suite struct DeepSpeedFixtureTests {
  @Test(arguments: DeepSpeedFixtures.names)
  func `lists and reads every tensor whole`(name: String) throws {
    let checkpoint = try Checkpoint.open(DeepSpeedFixtures.path(name))
    #expect(checkpoint.format == .deepspeed)
    let rows = try checkpoint.records.map { try DeepSpeedFixtures.row($0, in: checkpoint) }
    #expect(try rows == DeepSpeedFixtures.listing(name))
    #expect(checkpoint.shards.map(\.records) == [checkpoint.records.indices])
  }

  @Test(arguments: DeepSpeedFixtures.names)
  func `any range of a tensor equals that range of the whole`(name: String) throws {
    for record in try Checkpoint.open(DeepSpeedFixtures.path(name)).records {
      let whole = try TensorData.bytes(of: record)
      let data = try TensorData(record)
      let third = whole.count / 3
      let parts = try data.read(0..<third) + data.read(third..<whole.count)
      #expect(parts == whole)
    }
  }

  @Test(arguments: DeepSpeedFixtures.names)
  func `takes only what was trained`(name: String) throws {
    let checkpoint = try Checkpoint.open(DeepSpeedFixtures.path(name))
    let trained = try DeepSpeedFixtures.listing(name).filter { $0.hasSuffix(" | trained") }
    guard !trained.isEmpty else {
      #expect(throws: CheckpointError.self) { try checkpoint.trainedOnly() }
      return
    }
    let only = try checkpoint.trainedOnly()
    #expect(try only.records.map { try DeepSpeedFixtures.row($0, in: only) } == trained)
    #expect(only.shards.map(\.records) == [0..<trained.count])
  }

  @Test func `finds no globals to warn of and says what is shared`() throws {
    for name in DeepSpeedFixtures.names where name != "adapter" {
      let findings = try Checkpoint.open(DeepSpeedFixtures.path(name)).findings
      #expect(findings.allSatisfy { $0.code == .sharedStorage && $0.severity == .note })
    }
    let stage3 = try Checkpoint.open(DeepSpeedFixtures.path("stage-3"))
    #expect(
      stage3.findings.map(\.message)
        == [#"a parameter has a second name: "head.weight" = "embed.weight""#])
  }

  @Test func `says that a checkpoint without ZeRO does not tell what was trained`() throws {
    let path = DeepSpeedFixtures.path("without-zero")
    let error = try #require(throws: CheckpointError.self) {
      try Checkpoint.open(path).trainedOnly()
    }
    #expect(
      error.description == path
        + ": does not tell which tensors were trained; expected a DeepSpeed checkpoint with the "
        + "states of ZeRO")
  }
}

/// Where a DeepSpeed checkpoint is looked for.
@Suite struct DeepSpeedDirectoryTests {
  @Test func `opens a step, its checkpoint and the one of several that latest names`() throws {
    for path in ["stage-2", "stage-2/global_step5", "stage-2/global_step5/"] {
      let checkpoint = try Checkpoint.open(DeepSpeedFixtures.path(path))
      #expect(checkpoint.format == .deepspeed)
      #expect(checkpoint.shards.map(\.name) == ["global_step5"])
    }
    let earlier = try Checkpoint.open(DeepSpeedFixtures.path("several-steps/global_step4"))
    #expect(earlier.records.map(\.name) == ["earlier"])
  }

  @Test func `prefers the states of ZeRO to an adapter of placeholders`() throws {
    let path = DeepSpeedFixtures.path("adapter")
    let checkpoint = try Checkpoint.open(path)
    #expect(
      checkpoint.sideFiles.map(\.name)
        == ["adapter_config.json", "adapter_model.safetensors", "trainer_state.json"])
    let finding = try #require(checkpoint.findings.first { $0.code == .zeroSizeTensor })
    #expect(
      finding.message
        == "4 tensors of adapter_model.safetensors have shape [0], which the training had "
        + "partitioned; the states of ZeRO in global_step5 are used instead")
    #expect(finding.fix == "tenon convert \(shellQuoted(path)) -o OUT --trainable-only")
    #expect(finding.tensors.count == 4)
    let step = try Checkpoint.open(path + "/global_step5")
    #expect(step.records.map(\.name) == checkpoint.records.map(\.name))
    #expect(step.sideFile("adapter_config.json") != nil)
  }

  @Test func `keeps weights that have data, and says what lies beside`() throws {
    let directory = try copyOfAdapter()
    let weights = safetensors(
      #"{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#, data: [1])
    _ = try directory.write(weights, to: "adapter_model.safetensors")
    let checkpoint = try Checkpoint.open(directory.path)
    #expect(checkpoint.format == .safetensors)
    #expect(
      checkpoint.findings.map(\.message) == [
        "the directory also holds the states of ZeRO in global_step5; "
          + "adapter_model.safetensors is used"
      ])
    let options = Checkpoint.OpeningOptions(prefersZero: true)
    #expect(try Checkpoint.open(directory.path, options: options).format == .deepspeed)
  }

  @Test func `keeps placeholders where the states of ZeRO cannot be read`() throws {
    let directory = try copyOfAdapter()
    let name = "global_step5/bf16_zero_pp_rank_1_mp_rank_00_optim_states.pt"
    try FileManager.default.removeItem(atPath: directory.path(name))
    let checkpoint = try Checkpoint.open(directory.path)
    #expect(checkpoint.format == .safetensors)
    #expect(
      checkpoint.findings.map(\.message) == [
        "4 tensors of adapter_model.safetensors have shape [0], and the states of ZeRO cannot be "
          + "read: \(directory.path)/global_step5: expected 2 of '*_optim_states.pt', one for "
          + "each rank, but found 1; missing rank 1"
      ])
  }

  private func copyOfAdapter() throws -> TemporaryDirectory {
    let directory = TemporaryDirectory()
    try FileManager.default.removeItem(atPath: directory.path)
    try FileManager.default.copyItem(
      atPath: DeepSpeedFixtures.path("adapter"), toPath: directory.path)
    return directory
  }
}
