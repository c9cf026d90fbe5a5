/// The last part of an adapter's key: which factor of which method the tensor is.
///
/// Every leaf of every family is one row of a table; what is not in the table is
/// no part of an adapter.
public struct AdapterLeaf: Sendable, Hashable {
  /// The leaf as it stands in a file saved by its library, without the name of the
  /// adapter: `lora_A.weight`, `hada_w1_a`.
  public let name: String
  /// The method it belongs to, as the card names it: `lora`, `dora`, `loha`….
  public let family: String
  public let role: Role
  /// The axis of the tensor whose length is the rank, if any.
  let rankAxis: Int?

  /// What the tensor is for.
  ///
  /// The Hadamard and Kronecker factors keep the names that their papers and all
  /// implementations give them.
  public enum Role: Sendable, Hashable, CaseIterable {
    /// The factor applied first: `[r, in]`.
    case a
    /// The factor applied second: `[out, r]`.
    case b
    /// A and B of an embedding: `[r, vocabulary]` and `[dimension, r]`.
    case embeddingA, embeddingB
    /// The core between A and B of a convolution (LoCon): `[r, r, height, width]`.
    case middle
    /// The bias of B, added to the output.
    case outputBias
    /// The learned length of each output (DoRA).
    case magnitude
    /// A scalar that holds alpha.
    case alpha
    /// The factors of LoHa and LoKr; `t1` and `t2` are cores of convolutions.
    case w1, w1a, w1b, w2, w2a, w2b, t1, t2
    /// What AdaLoRA puts between A and B: `[r, 1]`.
    case singularValues
    /// How many of them are in use.
    case rankCount
    /// What IA3 multiplies the inputs or outputs with.
    case factorVector
    /// The same in LyCORIS, which multiplies with one more than this.
    case factorOffset
    /// Whether IA3 of LyCORIS multiplies the inputs.
    case isOnInput
    /// VeRA's vectors: `[out]` and `[r]`.
    case lambdaB, lambdaD
    /// VeRA's matrices, which all modules share.
    case sharedA, sharedB
    /// What the blocks of a rotation of the inputs are made from (OFT, BOFT), and of one
    /// of the vectors of an embedding.
    case rotation, embeddingRotation
    /// What BOFT multiplies the outputs with: `[out, 1]`.
    case outputFactors
    /// What is added to a whole weight or bias.
    case difference, biasDifference
    /// Any other tensor of a method that is known only by name.
    case other
  }

  /// PEFT's leaf of a segment and what follows it (`weight`, `bias`, or nothing).
  ///
  /// `family` is the method that the configuration names: the parameters of those
  /// without rows of their own all begin with its name.
  static func peft(_ segment: Substring, ending: Substring?, family: String?) -> AdapterLeaf? {
    for row in peftRows[segment] ?? [] where row.endings.contains(ending) { return row.leaf }
    guard let family, !UnmergeableMethod.isMerged(family), segment.hasPrefix("\(family)_") else {
      return nil
    }
    let name = ending.map { "\(segment).\($0)" } ?? String(segment)
    return AdapterLeaf(name: name, family: family, role: .other, rankAxis: nil)
  }

  /// The leaf of kohya's scripts or LyCORIS, or nil.
  static func kohya(_ segment: Substring, ending: Substring?) -> AdapterLeaf? {
    (kohyaRows[segment] ?? []).first { $0.endings.contains(ending) }?.leaf
  }

  /// Whether a name ends like a factor of some method, and is none that PEFT knows: no
  /// module of a base is called so.
  static func isStray(_ name: String) -> Bool {
    let end = name.dottedSegments.suffix(3)
    return end.contains { segment in strayBeginnings.contains { segment.hasPrefix($0) } }
      || end.last == "alpha" || end.last == "dora_scale"
  }

  private static let strayBeginnings = [
    "lora_", "lokr_", "hada_", "ia3_", "vera_", "dora_", "oft_", "boft_",
  ]

  /// The leaf of MLX, or nil.
  static func mlx(_ segment: Substring) -> AdapterLeaf? { mlxRows[segment]?.first?.leaf }

  struct Row {
    let leaf: AdapterLeaf
    let endings: Set<Substring?>
  }
}
