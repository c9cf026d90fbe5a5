import Formats
import Inspect
import TestSupport
import Testing

@testable import Merge

/// The weight of an adapted embedding, which PEFT saves although nothing changed it.
extension AdapterMergeTests {
  private func embedding(
    _ name: String, in directory: TemporaryDirectory, copy: TestTensor
  ) throws -> WeightedAdapter {
    let module = "base_model.model.model.embed_tokens"
    return WeightedAdapter(
      try adapter(
        name, in: directory,
        [
          "\(module).lora_embedding_A": ones([2, 5]), "\(module).lora_embedding_B": ones([4, 2]),
          "\(module).base_layer.weight": copy,
        ]))
  }

  private func untied(in directory: TemporaryDirectory) throws -> Checkpoint {
    try base(in: directory, #"{"model_type": "llama", "tie_word_embeddings": false}"#)
  }

  @Test func `two adapters with the same copy have no order`() throws {
    let directory = TemporaryDirectory()
    let adapters = try ["one", "other"].map {
      try embedding($0, in: directory, copy: ones([5, 4]))
    }
    let plan = try plan(try untied(in: directory), adapters)
    let tensor = try #require(plan.tensors.first { $0.name == "model.embed_tokens.weight" })
    #expect(!tensor.isReplacement)
    guard case .update(let update) = tensor.operation else {
      Issue.record("expected an update")
      return
    }
    #expect(update.steps.map(\.isSum) == [true, true])
  }

  @Test func `a copy does not keep its adapter from being weighted`() throws {
    let directory = TemporaryDirectory()
    let base = try untied(in: directory)
    var same = try embedding("same", in: directory, copy: ones([5, 4]))
    same.weight = 0.5
    #expect(try plan(base, [same]).tensors.filter(\.isReplacement).isEmpty)
    var changed = try embedding("changed", in: directory, copy: zeros([5, 4]))
    changed.weight = 0.5
    let error = #expect(throws: CheckpointError.self) { try plan(base, [changed]) }
    #expect(error?.message.hasPrefix(#"takes the place of "model.embed_tokens.weight""#) == true)
  }

  @Test func `what is taken back is the update, not the copy`() throws {
    let directory = TemporaryDirectory()
    var merged = try embedding("merged", in: directory, copy: zeros([5, 4]))
    merged.weight = -1
    let plan = try plan(try untied(in: directory), [merged])
    #expect(plan.tensors.filter(\.isReplacement).isEmpty)
    #expect(
      plan.findings.map(\.message) == [
        "\(merged.adapter.path) carries model.embed_tokens.weight beside the factors: the update "
          + "alone is subtracted, so that a vocabulary which the merge brought stays"
      ])
    var resized = try embedding("resized", in: directory, copy: zeros([6, 4]))
    resized.weight = -1
    #expect(throws: CheckpointError.self) {
      try self.plan(try untied(in: directory), [resized])
    }
  }

  @Test func `with PEFT's numerics the copy of the second takes the place of the sum`() throws {
    let directory = TemporaryDirectory()
    let adapters = try ["one", "other"].map {
      try embedding($0, in: directory, copy: ones([5, 4]))
    }
    var options = OutputOptions()
    options.numerics = .peft
    let plan = try AdapterMerge(
      base: try untied(in: directory), adapters: adapters, options: options
    ).plan
    #expect(plan.tensors.contains { $0.name == "model.embed_tokens.weight" && $0.isReplacement })
  }
}
