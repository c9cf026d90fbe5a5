extension Checkpoint {
  /// The checkpoint with nothing but the tensors that were trained, which only a
  /// DeepSpeed checkpoint tells; other sources are refused.
  ///
  /// The names stay as they were in memory.
  public func trainedOnly() throws(CheckpointError) -> Checkpoint {
    guard let trained else {
      throw CheckpointError(
        path: path,
        "does not tell which tensors were trained; expected a DeepSpeed checkpoint with the "
          + "states of ZeRO")
    }
    var copy = self
    copy.records = records.filter { trained.contains(ExactName($0.name)) }
    guard !copy.records.isEmpty else {
      throw CheckpointError(path: path, "holds no tensor that was trained")
    }
    copy.shards = shards.prefix(1).map {
      Shard(name: $0.name, file: $0.file, records: copy.records.indices)
    }
    return copy
  }
}
