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
}
