import Foundation
import Testing

/// The parameters of a DeepSpeed checkpoint lie in the files of all ranks, and each
/// of them states checksums.
@Suite struct PartitionChecksumTests {
  private static let file =
    "checkpoint-500/global_step5/bf16_zero_pp_rank_1_mp_rank_00_optim_states.pt"

  /// A checkpoint of two ranks, with a byte changed in a storage of the second's file.
  private func damagedCheckpoint() throws -> Sandbox {
    let sandbox = try Sandbox()
    try sandbox.copy("fixtures/deepspeed/adapted-model", as: "checkpoint-500")
    var archive = try sandbox.data(Self.file)
    let name = try #require(archive.range(of: Data("optim_states/data/1".utf8)))
    // The local header ends in the lengths of the name and of the extra field.
    let header = try #require(archive[..<name.lowerBound].range(of: localMark, options: .backwards))
    let lengths = archive[(header.lowerBound + 26)..<(header.lowerBound + 30)].map(Int.init)
    let extra = lengths[2] + lengths[3] << 8
    archive[name.upperBound + extra + 5] ^= 1
    try sandbox.write(archive, to: Self.file)
    return sandbox
  }

  private let localMark = Data([0x50, 0x4B, 3, 4])

  private let sentence =
    "the checksum of one zip entry is wrong: "
    + "\"bf16_zero_pp_rank_1_mp_rank_00_optim_states/data/1\" has 0x"

  @Test(arguments: [[], ["--trainable-only"]])
  func `convert tells a wrong one of any rank`(options: [String]) async throws {
    let outcome = try await damagedCheckpoint()
      .tenon(["convert", "checkpoint-500", "-o", "out"] + options)
    #expect(outcome.status == "0")
    #expect(outcome.stderr.contains("tenon: warning: " + sentence))
  }

  @Test func `check tells it too`() async throws {
    let outcome = try await damagedCheckpoint().tenon("check", "checkpoint-500")
    #expect(outcome.status == "1")
    #expect(outcome.stdout.contains("warning: " + sentence))
  }
}
