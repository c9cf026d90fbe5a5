import Compute
import Formats
import Inspect

/// Why an update cannot be added to a tensor of some type.
enum UnmergeableType {
  /// The refusal of `record`, a tensor of `base`. Rotations go where other
  /// changes go, but for F64.
  static func error(_ record: TensorRecord, of base: Checkpoint, family: String, isRotation: Bool)
    -> CheckpointError
  {
    let types = isRotation ? "BF16, F16 and F32" : "BF16, F16, F32 and F64"
    // Weights of a model are no integers before something quantised them.
    let unnamed = record.type.element.map { $0.kind != .float } == true ? "an unnamed method" : nil
    guard let method = base.quantisation ?? unnamed else {
      return CheckpointError(
        path: base.path, tensor: record.name,
        "is \(record.type.name) \(record.shape); an adapter of the kind \(family) can be merged "
          + "into \(types) only",
        fix: record.type == .element(.f64)
          ? "tenon convert \(shellQuoted(base.path)) -o BASE --dtype F32, and merge into that"
          : record.type.assumption)
    }
    return CheckpointError(
      path: base.path, tensor: record.name,
      "is \(record.type.name) \(record.shape): the base is quantised (\(method.printable)), and an adapter "
        + "can be merged into \(types) only",
      fix: "merge into the model that was quantised, then quantise the result")
  }
}
