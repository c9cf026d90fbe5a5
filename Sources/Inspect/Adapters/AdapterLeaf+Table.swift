extension AdapterLeaf {
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

  /// Leaves that PEFT and LyCORIS name alike.
  private static let common = [
    row("hada_w1_a", "loha", .w1a),
    row("hada_w1_b", "loha", .w1b, rankAxis: 0),
    row("hada_w2_a", "loha", .w2a),
    row("hada_w2_b", "loha", .w2b),
    row("hada_t1", "loha", .t1),
    row("hada_t2", "loha", .t2),
    row("lokr_w1", "lokr", .w1),
    row("lokr_w1_a", "lokr", .w1a),
    row("lokr_w1_b", "lokr", .w1b, rankAxis: 0),
    row("lokr_w2", "lokr", .w2),
    row("lokr_w2_a", "lokr", .w2a),
    row("lokr_w2_b", "lokr", .w2b, rankAxis: 0),
    row("lokr_t1", "lokr", .t1),
    row("lokr_t2", "lokr", .t2),
  ]

  static let peftRows = bySegment(
    common + [
      row("lora_A.weight", "lora", .a, rankAxis: 0),
      row("lora_B.weight", "lora", .b),
      row("lora_B.bias", "lora", .outputBias),
      row("lora_embedding_A", "lora", .embeddingA, rankAxis: 0),
      row("lora_embedding_B", "lora", .embeddingB),
      // On disk without, in memory with `.weight`.
      row("lora_magnitude_vector", "dora", .magnitude, or: "weight"),
      row("lora_A", "adalora", .a, rankAxis: 0),
      row("lora_B", "adalora", .b),
      row("lora_E", "adalora", .singularValues),
      row("ranknum", "adalora", .rankCount),
      row("ia3_l", "ia3", .factorVector),
      row("vera_lambda_b", "vera", .lambdaB),
      row("vera_lambda_d", "vera", .lambdaD, rankAxis: 0),
      row("vera_A", "vera", .sharedA),
      row("vera_B", "vera", .sharedB),
      row("oft_R.weight", "oft", .rotation),
      row("oft_embedding_R.weight", "oft", .embeddingRotation),
      row("boft_R", "boft", .rotation),
      row("boft_s", "boft", .outputFactors),
    ])

  static let kohyaRows = bySegment(
    common + [
      row("lora_down.weight", "lora", .a, rankAxis: 0),
      row("lora_up.weight", "lora", .b),
      row("lora_mid.weight", "locon", .middle),
      row("alpha", "lora", .alpha),
      row("dora_scale", "dora", .magnitude),
      row("diff", "full", .difference),
      row("diff_b", "full", .biasDifference),
      row("w_norm", "norm", .difference),
      row("b_norm", "norm", .biasDifference),
      row("weight", "ia3", .factorOffset),
      row("on_input", "ia3", .isOnInput),
      row("a1.weight", "glora"),
      row("a2.weight", "glora"),
      row("b1.weight", "glora"),
      row("b2.weight", "glora"),
      row("bm.weight", "glora"),
      row("oft_blocks", "oft"),
      row("rescale", "oft"),
    ])

  /// The factors as they are once transposed.
  static let mlxRows = bySegment([
    row("lora_a", "lora", .a, rankAxis: 0),
    row("lora_b", "lora", .b),
    row("m", "dora", .magnitude),
  ])
}
