import Formats

/// Why an update cannot be added to a tensor of some type.
enum UnmergeableType {
  /// The refusal of `record`, a tensor of `base`. Sums can go where multiplications
  /// cannot.
  static func error(_ record: TensorRecord, of base: Checkpoint, family: String, isSum: Bool)
    -> CheckpointError
  {
    let types = isSum ? "BF16, F16, F32 and F64" : "BF16, F16 and F32"
    guard let method = quantisation(of: base) else {
      return CheckpointError(
        path: base.path, tensor: record.name,
        "is \(record.type.name) \(record.shape); an adapter of the kind \(family) can be merged "
          + "into \(types) only", fix: record.type.assumption)
    }
    return CheckpointError(
      path: base.path, tensor: record.name,
      "is \(record.type.name) \(record.shape): the base is quantised (\(method)), and an adapter "
        + "can be merged into \(types) only",
      fix: "merge into the model that was quantised, then quantise the result")
  }

  /// What the configuration says of quantisation; nil where nothing.
  static func quantisation(of base: Checkpoint) -> String? {
    guard let file = base.sideFile("config.json"),
      let document = try? InputFile.json(at: file.path),
      let settings = document["quantization_config"], settings != .null
    else { return nil }
    return settings["quant_method"]?.string ?? "quantization_config"
  }
}
