import TestSupport
import Testing

@testable import Formats

/// Directories of training programs that are refused by name.
@Suite struct TrainerDirectoryTests {
  private static let list: [UInt8] =
    [0x80, 2] + Array("ctorch.distributed.checkpoint.metadata".utf8)

  /// The error of a directory with these files, and its path.
  private func refusal(_ files: [String]) throws -> (CheckpointError?, String) {
    let folder = TemporaryDirectory()
    for file in files {
      try folder.write(file.hasSuffix(".metadata") ? Self.list : [], to: file)
    }
    let error = #expect(throws: CheckpointError.self) { try Checkpoint.open(folder.path) }
    return (error, folder.path)
  }

  @Test func `the model is named, and not the optimizer beside it`() throws {
    let (error, path) = try refusal([
      "optimizer_0/.metadata", "optimizer_0/__0_0.distcp", "pytorch_model_fsdp_0/.metadata",
    ])
    #expect(error?.path == "\(path)/pytorch_model_fsdp_0")
    #expect(
      error?.fix
        == "python -m torch.distributed.checkpoint.format_utils dcp_to_torch "
        + "\(path)/pytorch_model_fsdp_0 out.pt")
  }

  @Test func `pieces without their list`() throws {
    let (error, _) = try refusal(["__0_0.distcp", "__1_0.distcp"])
    #expect(
      error?.message
        == "holds pieces of a checkpoint of torch.distributed.checkpoint (__0_0.distcp and 1 more), "
        + "but no .metadata that says what belongs where: its name begins with a dot, and copying * "
        + "leaves it behind")
  }

  @Test(arguments: ["", "iter_0000200/"])
  func `a checkpoint of Megatron-LM of one rank`(step: String) throws {
    let (error, path) = try refusal([
      "latest_checkpointed_iteration.txt", "iter_0000100/mp_rank_00/model_optim_rng.pt",
      "\(step)mp_rank_00/model_optim_rng.pt",
    ])
    #expect(
      error?.message
        == "is a checkpoint of Megatron-LM, whose model lies in the file of its only rank")
    #expect(error?.fix == "tenon inspect \(path)/\(step)mp_rank_00/model_optim_rng.pt")
  }

  @Test func `a checkpoint of Megatron-LM of several ranks`() throws {
    let (error, path) = try refusal([
      "mp_rank_00_000/model_optim_rng.pt", "mp_rank_01_000/model_optim_rng.pt",
    ])
    #expect(
      error?.message
        == "is a checkpoint of Megatron-LM, of whose model each of 2 ranks has a part in a file of "
        + "its own; not supported: AutoBridge of Megatron-Bridge or the tools/checkpoint of "
        + "Megatron-LM put them together")
    #expect(error?.fix == "tenon inspect \(path)/mp_rank_00_000/model_optim_rng.pt")
  }
}
