import Formats

/// Tensors of which training on several devices left a part in each one's file.
enum DividedTensors {
  /// The classes of torch whose objects are such parts, and what made them.
  private static let classes = [
    (name: "ShardedTensor", maker: "FSDP's sharded or local state"),
    (name: "DTensor", maker: "FSDP2 or tensor parallelism"),
  ]

  static let advice =
    "gather them before saving, for FSDP with StateDictType.FULL_STATE_DICT or with "
    + "get_model_state_dict and full_state_dict=True"

  /// What is said of tensors of types that are not read; nil where they are no such parts.
  static func words(for records: [TensorRecord]) -> String? {
    classes.first { row in
      records.contains { $0.type.name.contains(".\(row.name)") }
    }.map { row in
      ", of which the file of each rank holds a part (\(row.maker)); \(advice)"
    }
  }

  /// Whether the names tell that FSDP divided them.
  static func areOfFSDP(_ records: [TensorRecord]) -> Bool {
    records.contains { record in
      record.name.contains("_fsdp_wrapped_module.") || record.type.name.contains(".ShardedTensor")
    }
  }
}
