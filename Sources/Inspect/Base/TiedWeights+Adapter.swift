public import Formats

/// What PEFT saved under two names of one tensor.
extension TiedWeights {
  /// The adapter with one copy for both, where `ensure_weight_tying` made them one and PEFT
  /// saved it under both names. Reads the two, as nothing else shows that they are the same.
  public func joined(_ adapter: Adapter) throws(CheckpointError) -> Adapter {
    func saved(_ name: String) -> AdapterReplacement? {
      adapter.replacements.first { $0.kind == .module && $0.target == name }
    }
    guard adapter.features.contains(.weightTying), !isOutputStored, let output,
      let copy = saved(output), let own = saved(input),
      try TensorData.isEqual(copy.record, own.record)
    else { return adapter }
    return adapter.replacing { replacement in
      switch replacement.target {
      case output: nil
      case input: AdapterReplacement(target: input, kind: .tiedModule, record: own.record)
      default: replacement
      }
    }
  }

  /// The adapter with its biases of the output under the names that `base` holds them by: it
  /// may have one for both, and the adapter any.
  public func foldingBias(of adapter: Adapter, onto base: Checkpoint) throws(CheckpointError)
    -> Adapter
  {
    guard let bias else { return adapter }
    func brought(_ name: String) -> AdapterReplacement? {
      adapter.replacements.first { $0.target == name }
    }
    let isHeld = base.records.contains { $0.name == bias.name }
    switch (brought(bias.name), brought(bias.source)) {
    case (nil, nil): return adapter
    case (nil, let own?):
      return isHeld ? adapter.adding(own.inPlace(of: bias.name)) : adapter
    case (let copy?, nil):
      let own = copy.inPlace(of: bias.source)
      return isHeld
        ? adapter.adding(own) : adapter.replacing { $0.target == bias.name ? own : $0 }
    case (let copy?, let own?):
      if isHeld { return adapter }
      guard try TensorData.isEqual(copy.record, own.record) else {
        throw CheckpointError(
          path: adapter.path, tensor: copy.record.name,
          "differs from \(own.record.name.quoted), but the base has one tensor for both")
      }
      return adapter.replacing { $0.target == bias.name ? nil : $0 }
    }
  }
}
