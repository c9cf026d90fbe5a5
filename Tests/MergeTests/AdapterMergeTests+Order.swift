import Compute
import Formats
import Inspect
import TestSupport
import Testing

@testable import Merge

/// An adapter that changes what another one puts in its place.
extension AdapterMergeTests {
  private func adapters(in directory: TemporaryDirectory) throws -> (
    base: Checkpoint, update: WeightedAdapter, whole: WeightedAdapter
  ) {
    (
      try base(in: directory, #"{"model_type": "llama"}"#),
      WeightedAdapter(try adapter("update", in: directory, pair("model.q_proj", 4, 4))),
      WeightedAdapter(
        try adapter(
          "whole", in: directory, fields: #", "modules_to_save": ["q_proj"]"#,
          ["base_model.model.model.q_proj.weight": ones([4, 4])]))
    )
  }

  @Test(arguments: [false, true])
  func `exact has no order of an update and a replacement`(isReversed: Bool) throws {
    let directory = TemporaryDirectory()
    let (base, update, whole) = try adapters(in: directory)
    let error = #expect(throws: CheckpointError.self) {
      try plan(base, isReversed ? [whole, update] : [update, whole])
    }
    #expect(error?.path == update.adapter.path)
    #expect(error?.tensor == "model.q_proj.weight")
    #expect(
      error?.message
        == "is changed by this adapter, and \(whole.adapter.path) puts a tensor of its own in its "
        + "place, so that their order counts; expected one adapter for it")
    #expect(
      error?.fix == "merge them one after the other, or with --numerics peft in the order given")
  }

  @Test func `with PEFT's numerics the later of an update and a replacement counts`() throws {
    let directory = TemporaryDirectory()
    let (base, update, whole) = try adapters(in: directory)
    var options = OutputOptions()
    options.numerics = .peft
    let lost = try AdapterMerge(base: base, adapters: [update, whole], options: options).plan
    let tensor = try #require(lost.tensors.first { $0.name == "model.q_proj.weight" })
    #expect(tensor.isReplacement)
    guard case .copy(let record) = tensor.operation else {
      Issue.record("expected the adapter's tensor as it is")
      return
    }
    #expect(record.bytes?.extents.first?.file.path.contains("whole") == true)
    #expect(
      lost.findings.map(\.message) == [
        "what \(update.adapter.path) does to model.q_proj.weight is lost, as with PEFT: "
          + "\(whole.adapter.path), which comes after it, puts a tensor of its own in its place"
      ])
    let kept = try AdapterMerge(base: base, adapters: [whole, update], options: options).plan
    guard
      case .update(let both)? = kept.tensors.first(where: { $0.name == "model.q_proj.weight" })?
        .operation
    else {
      Issue.record("expected an update")
      return
    }
    #expect(both.isReplacement && both.steps.contains(where: \.isSum))
  }

  /// Rows 1 and 2 of the embedding, or 2 and 3.
  private func rows(_ name: String, _ first: Int, _ value: Float, in directory: TemporaryDirectory)
    throws -> WeightedAdapter
  {
    WeightedAdapter(
      try adapter(
        name, in: directory, fields: #", "trainable_token_indices": [\#(first), \#(first + 1)]"#,
        [
          "base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta":
            TestTensor([2, 4], [Float](repeating: value, count: 8))
        ]))
  }

  @Test func `exact takes rows of two adapters that are apart or the same`() throws {
    let directory = TemporaryDirectory()
    let base = try base(in: directory, #"{"model_type": "llama"}"#)
    let one = try rows("one", 1, 5, in: directory)
    _ = try plan(base, [one, rows("apart", 3, 6, in: directory)])
    _ = try plan(base, [one, rows("same", 1, 5, in: directory)])
    for other in [try rows("across", 2, 5, in: directory), try rows("other", 1, 6, in: directory)] {
      let error = #expect(throws: CheckpointError.self) { try plan(base, [one, other]) }
      #expect(
        error?.message
          == "is changed by another adapter too, and one of them puts rows of its own into it, so "
          + "that their order would count")
      #expect(error?.fix == MergeDraft.orderFix)
      var options = OutputOptions()
      options.numerics = .peft
      _ = try AdapterMerge(base: base, adapters: [one, other], options: options)
    }
  }
}
