extension DirectorySource {
  /// The states of ZeRO that the directory is or holds; nil where it has none, or
  /// has weights of its own that go first.
  func openStates(_ listing: DirectoryListing, besides hasWeights: Bool) throws(CheckpointError)
    -> Checkpoint?
  {
    if ZeroDirectory.isStep(listing) { return try ZeroReader.open(ZeroDirectory(step: listing)) }
    guard !hasWeights || options.prefersZero else { return nil }
    return try ZeroDirectory(below: listing).map { (step) throws(CheckpointError) in
      try ZeroReader.open(step)
    }
  }

  /// Takes the states of ZeRO instead of weights that only hold places: a trainer
  /// that saves its share of a partitioned model writes tensors of shape [0].
  func replacePlaceholders(of checkpoint: Checkpoint, _ listing: DirectoryListing) -> Checkpoint {
    let empty = checkpoint.records.filter { $0.shape == [0] }.map(\.name)
    let weights = checkpoint.shards.first?.name ?? "the file of weights"
    guard !empty.isEmpty else { return noting(weights, in: checkpoint, listing) }
    do throws(CheckpointError) {
      guard let step = try ZeroDirectory(below: listing) else { return checkpoint }
      var states = try ZeroReader.open(step)
      states.findings.append(
        Finding(
          .warning, .zeroSizeTensor, tensors: empty,
          "\(Self.placeholders(empty, in: weights)), which the training had partitioned; the "
            + "states of ZeRO in \(step.tag) are used instead",
          fix: "tenon convert \(shellQuoted(path)) -o OUT --trainable-only"))
      return states
    } catch {
      var copy = checkpoint
      copy.findings.append(
        Finding(
          .warning, .zeroSizeTensor, tensors: empty,
          "\(Self.placeholders(empty, in: weights)), and the states of ZeRO cannot be read: "
            + error.description))
      return copy
    }
  }

  private static func placeholders(_ names: [String], in weights: String) -> String {
    (names.count == 1 ? "1 tensor of \(weights) has" : "\(names.count) tensors of \(weights) have")
      + " shape [0]"
  }

  /// Says that there are states of ZeRO beside the weights.
  private func noting(_ weights: String, in checkpoint: Checkpoint, _ listing: DirectoryListing)
    -> Checkpoint
  {
    guard listing.contains("latest"), let step = try? ZeroDirectory(below: listing) else {
      return checkpoint
    }
    var copy = checkpoint
    copy.findings.append(
      Finding(
        .note, .duplicateWeights,
        "the directory also holds the states of ZeRO in \(step.tag); \(weights) is used",
        fix: "tenon inspect \(shellQuoted(step.path))"))
    return copy
  }
}
