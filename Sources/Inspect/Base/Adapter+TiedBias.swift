public import Formats

/// Biases that a model knows by two names, and its file by one.
extension Adapter {
  /// The adapter with its biases of an output under the names that `base` holds them by: it
  /// may have one for both, and the adapter any.
  public func foldingBias(onto base: Checkpoint, tied: TiedWeights?) throws(CheckpointError)
    -> Adapter
  {
    let held = Set(base.records.map { ExactName($0.name) })
    var folded = self
    for (name, source) in biases(tied, held: held) {
      folded = try folded.foldingBias(name, source, isHeld: held.contains(ExactName(name)))
    }
    return folded
  }

  /// The second names of biases with those of the file: where the embeddings are tied, and
  /// where the file leaves the second out, whatever a configuration says.
  private func biases(_ tied: TiedWeights?, held: Set<ExactName>)
    -> [(name: String, source: String)]
  {
    let known = [tied?.bias].compactMap(\.self)
    let left = replacements.compactMap { replacement -> (name: String, source: String)? in
      let name = replacement.target
      guard name != tied?.bias?.name, !held.contains(ExactName(name)),
        let source = TiedNames.biasSource(of: name), held.contains(ExactName(source))
      else { return nil }
      return (name, source)
    }
    return known + left
  }

  private func foldingBias(_ name: String, _ source: String, isHeld: Bool)
    throws(CheckpointError) -> Adapter
  {
    func brought(_ name: String) -> AdapterReplacement? {
      replacements.first { $0.target == name }
    }
    switch (brought(name), brought(source)) {
    case (nil, nil): return self
    case (nil, let own?): return isHeld ? adding(own.inPlace(of: name)) : self
    case (let copy?, nil):
      let own = copy.inPlace(of: source)
      return isHeld ? adding(own) : replacing { $0.target == name ? own : $0 }
    case (let copy?, let own?):
      if isHeld { return self }
      guard try TensorData.isEqual(copy.record, own.record) else {
        throw CheckpointError(
          path: path, tensor: copy.record.name,
          "differs from \(own.record.name.quoted), but the base has one tensor for both")
      }
      return replacing { $0.target == name ? nil : $0 }
    }
  }
}
