import Compute
public import Formats

extension BaseMatching {
  /// Modules whose weight the base holds packed by a quantisation, under its own name
  /// with another shape (bitsandbytes) or under another name (GPTQ, AWQ, HQQ, AQLM, VPTQ
  /// and their like),
  /// and the packed tensor.
  public func packedWeights(in base: Checkpoint)
    -> [(module: AdapterModule, record: TensorRecord)]
  {
    let renamed = unmatched.isEmpty ? nil : base.positions()
    let reshaped = mismatches.filter { $0.base.type.element?.kind != .float }
    return reshaped.map { ($0.module, $0.base) }
      + unmatched.compactMap { module in
        let names = Self.packedNames.map { "\(module.target).\($0)" }
        let position = names.lazy.compactMap { renamed?[$0] }.first
        return position.map { (module, base.records[$0]) }
      }
  }

  private static let packedNames = [
    "qweight", "weight_packed", "weight.absmax", "W_q", "weight._data", "codes", "indices",
  ]

  /// The modules that add to a bias that the base does not have.
  public func withoutBias(_ positions: NameTable) -> [AdapterModule] {
    matches.compactMap { match in
      let adds =
        match.module.tensor(.outputBias) != nil || match.module.tensor(.biasDifference) != nil
      return adds && positions[match.biasName] == nil ? match.module : nil
    }
  }
}

extension BaseMatching.Match {
  /// The bias beside the weight; that of a fused attention has a name of its own.
  public var biasName: String { String(base.name.dropLast("weight".count)) + "bias" }
}
