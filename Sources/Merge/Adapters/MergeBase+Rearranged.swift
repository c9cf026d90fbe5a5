import Formats
import Inspect

extension MergeBase {
  /// Throws where the base holds the tensor in another form, beside which it would stand.
  mutating func refuseRearranged(
    _ record: TensorRecord, _ replacement: AdapterReplacement, of adapter: Adapter
  ) throws(CheckpointError) {
    guard adapter.kind == .peftAdapter, !EmbeddingNames.isOutput(record.name) else { return }
    let rearranged = rearranged ?? RearrangedNames(checkpoint)
    self.rearranged = rearranged
    guard rearranged.contains(record.name) else { return }
    throw CheckpointError(
      path: adapter.path, tensor: replacement.record.name,
      "is of the loaded model, and the base \(checkpoint.path) holds it in another form: fused "
        + "with others, divided or in another order",
      fix: RearrangedNames.advice)
  }
}
