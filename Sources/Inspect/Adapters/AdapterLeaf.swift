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
  public enum Role: Sendable, Hashable {
    /// The factor applied first: `[r, in]`.
    case a
    /// The factor applied second: `[out, r]`.
    case b
    /// A and B of an embedding: `[r, vocabulary]` and `[dimension, r]`.
    case embeddingA, embeddingB
    /// The bias of B, added to the output.
    case outputBias
    /// DoRA's learned length of each output.
    case magnitude
    /// A scalar that holds alpha.
    case alpha
    /// Any other tensor of a method that is not made of A and B.
    case other
  }

  /// PEFT's leaf of a segment and what follows it (`weight`, `bias`, or nothing).
  ///
  /// `family` is the method that the configuration names: the parameters of those
  /// without rows of their own all begin with its name.
  static func peft(_ segment: Substring, ending: Substring?, family: String?) -> AdapterLeaf? {
    for row in peftRows[segment] ?? [] where row.endings.contains(ending) { return row.leaf }
    guard let family, segment.hasPrefix("\(family)_") else { return nil }
    let name = ending.map { "\(segment).\($0)" } ?? String(segment)
    return AdapterLeaf(name: name, family: family, role: .other, rankAxis: nil)
  }

  /// The leaf of kohya's scripts or LyCORIS, or nil.
  static func kohya(_ segment: Substring, ending: Substring?) -> AdapterLeaf? {
    (kohyaRows[segment] ?? []).first { $0.endings.contains(ending) }?.leaf
  }

  private struct Row {
    let leaf: AdapterLeaf
    let endings: Set<Substring?>
  }

  private static func row(
    _ name: String, _ family: String, _ role: Role = .other, rankAxis: Int? = nil,
    or alternative: Substring? = nil
  ) -> Row {
    let ending = name.split(separator: ".").dropFirst().first
    var endings: Set<Substring?> = [ending]
    if let alternative { endings.insert(alternative) }
    return Row(
      leaf: AdapterLeaf(name: name, family: family, role: role, rankAxis: rankAxis),
      endings: endings)
  }

  private static func bySegment(_ rows: [Row]) -> [Substring: [Row]] {
    Dictionary(grouping: rows) { $0.leaf.name.prefix { $0 != "." } }
  }

  /// Leaves that both name alike.
  private static let lycoris = [
    row("hada_w1_a", "loha"),
    row("hada_w1_b", "loha", rankAxis: 0),
    row("hada_w2_a", "loha"),
    row("hada_w2_b", "loha"),
    row("hada_t1", "loha"),
    row("hada_t2", "loha"),
    row("lokr_w1", "lokr"),
    row("lokr_w1_a", "lokr"),
    row("lokr_w1_b", "lokr", rankAxis: 0),
    row("lokr_w2", "lokr"),
    row("lokr_w2_a", "lokr"),
    row("lokr_w2_b", "lokr", rankAxis: 0),
    row("lokr_t1", "lokr"),
    row("lokr_t2", "lokr"),
  ]

  private static let peftRows = bySegment(
    lycoris + [
      row("lora_A.weight", "lora", .a, rankAxis: 0),
      row("lora_B.weight", "lora", .b),
      row("lora_B.bias", "lora", .outputBias),
      row("lora_embedding_A", "lora", .embeddingA, rankAxis: 0),
      row("lora_embedding_B", "lora", .embeddingB),
      // On disk without, in memory with `.weight`.
      row("lora_magnitude_vector", "dora", .magnitude, or: "weight"),
      row("lora_E", "adalora"),
      row("ranknum", "adalora"),
      row("ia3_l", "ia3"),
      row("vera_lambda_b", "vera"),
      row("vera_lambda_d", "vera", rankAxis: 0),
      row("vera_A", "vera"),
      row("vera_B", "vera"),
    ])

  private static let kohyaRows = bySegment(
    lycoris + [
      row("lora_down.weight", "lora", .a, rankAxis: 0),
      row("lora_up.weight", "lora", .b),
      row("lora_mid.weight", "locon"),
      row("alpha", "lora", .alpha),
      row("dora_scale", "dora", .magnitude),
      row("diff", "full"),
      row("diff_b", "full"),
      row("w_norm", "norm"),
      row("b_norm", "norm"),
      row("on_input", "ia3"),
    ])
}
