import Formats
import Inspect

extension MergeBase {
  /// `layer_replication`: writes the layers of a deeper model before anything is added
  /// to them.
  mutating func replicateLayers(for adapters: [WeightedAdapter]) throws(CheckpointError) {
    for weighted in adapters {
      let adapter = weighted.adapter
      guard let layers = try LayerReplication(of: adapter, base: checkpoint) else { continue }
      guard weighted.weight > 0 else {
        throw CheckpointError(
          path: adapter.path,
          "builds a deeper model from repeated layers, which cannot be taken back",
          fix: "merge it with a weight above 0")
      }
      guard adapters.count == 1 else {
        throw CheckpointError(
          path: adapter.path,
          "builds a deeper model from repeated layers, which is possible with one adapter only",
          fix: "merge it first")
      }
      expand(layers.copies)
      for field in ["num_hidden_layers", "n_layer", "num_layers"] {
        edit(
          ConfigurationEdit(
            field, .number("\(layers.sources.count)"), instead: .number("\(layers.count)")))
      }
      let configuration = try ModelConfiguration(beside: checkpoint)
      for list in configuration?.lists(ofEach: layers.count) ?? [] {
        edit(
          ConfigurationEdit(
            list.field, .array(layers.sources.map { list.values[$0] }),
            instead: .array(list.values)))
      }
      note(
        Finding(
          .note, .configMismatch,
          "the adapter repeats layers: the \(layers.count) of the base become "
            + "\(layers.sources.count)"))
    }
  }
}
