import Formats

/// What can be said about the modules of an adapter without its base.
struct AdapterChecks {
  let modules: [AdapterModule]
  /// Tensors that all modules share.
  let shared: [AdapterTensor]
  let scales: AdapterScales
  let configuration: AdapterConfiguration?
  /// The checkpoint, for commands.
  let path: String

  /// What stands in the way of every merge comes first: the rest follows from it.
  func findings() -> [Finding] {
    if let finding = UnmergeableMethod.finding(configuration) { return [finding] }
    let method = methodFindings()
    return method + moduleFindings() + (method.isEmpty ? alphaUnknown() : []) + features()
      + UnreadParts.findings(modules, configuration)
  }

  /// What is wrong with one module, worded so that it can be said of many.
  private struct Fault: Hashable {
    let code: Finding.Code
    let message: String
  }

  /// Modules with the same fault share a finding.
  private func moduleFindings() -> [Finding] {
    var faults: [Fault] = []
    var faulty: [Fault: [AdapterModule]] = [:]
    for module in modules {
      guard let fault = fault(of: module) else { continue }
      if faulty[fault] == nil { faults.append(fault) }
      faulty[fault, default: []].append(module)
    }
    return faults.map { fault in
      let modules = faulty[fault] ?? []
      return Finding(
        .error, fault.code, tensors: modules.flatMap { $0.tensors.map(\.record.name) },
        "\(FoldedKeys.summary(of: modules.map(\.target), "module")): \(fault.message)")
    }
  }

  private func fault(of module: AdapterModule) -> Fault? {
    switch module.kind {
    case .other, .full: return nil
    case .linear, .embedding, .convolution, .parameter, .adalora: return pairFault(of: module)
    case .loha, .lokr, .ia3, .vera, .rotation: return factorFault(of: module)
    }
  }

  /// What is wrong with factors that are not a pair of A and B.
  private func factorFault(of module: AdapterModule) -> Fault? {
    guard !module.tensors.contains(where: { $0.record.elementCount == 0 }) else { return nil }
    guard module.factors != nil else {
      let leaves = module.tensors.map(\.leaf.name).joined(separator: ", ")
      return Fault(
        code: .missingPair,
        message: "has only \(leaves), which is not all that \(module.kind) needs")
    }
    guard module.updatedShape == nil else { return nil }
    let shapes = module.tensors.map { "\($0.leaf.name) \($0.record.shape)" }
    return Fault(
      code: .shapeMismatch,
      message: "the factors \(shapes.joined(separator: ", ")) do not fit together")
  }

  private func pairFault(of module: AdapterModule) -> Fault? {
    guard let a = module.a, let b = module.b else {
      guard module.a != nil || module.b != nil else { return nil }
      let (present, absent) = module.a == nil ? ("lora_B", "lora_A") : ("lora_A", "lora_B")
      return Fault(code: .missingPair, message: "has \(present), but no \(absent)")
    }
    guard a.elementCount > 0, b.elementCount > 0 else { return nil }
    guard a.shape.count >= 2, b.shape.count >= 2 else {
      return Fault(
        code: .shapeMismatch,
        message: "the factors A \(a.shape) and B \(b.shape) are no matrices [r, in] and [out, r]")
    }
    if let groups = module.channelGroups {
      return Fault(
        code: .unmergeable,
        message: "the factors A \(a.shape) and B \(b.shape) are those of a convolution in "
          + "\(groups) groups, which neither PEFT nor tenon can merge")
    }
    if a.shape[0] != b.shape[1] {
      return Fault(
        code: .rankMismatch,
        message: "the factors A \(a.shape) and B \(b.shape) have the ranks \(a.shape[0]) and "
          + "\(b.shape[1]); expected the same")
    }
    if let core = module.tensor(.middle), core.shape.prefix(2) != [a.shape[0], a.shape[0]] {
      return Fault(
        code: .rankMismatch,
        message: "the core \(core.shape) does not fit the factors A \(a.shape) and B \(b.shape)")
    }
    return configuredRankFault(of: module, found: a.shape[0])
  }

  /// The rank of the tensors against the configuration's; PEFT refuses a difference.
  private func configuredRankFault(of module: AdapterModule, found: Int) -> Fault? {
    // AdaLoRA's rank shrinks while it trains; the configuration keeps the first.
    guard module.kind != .adalora,
      let expected = scales.configuredRank(of: module.target)
    else { return nil }
    // The factors of several matrices lie one after the other.
    let ranks =
      module.kind == .parameter ? scales.configuredRanks(ofParametersAt: module.target) : []
    let fits =
      ranks.isEmpty ? found == expected : ranks.contains { $0 > 0 && found.isMultiple(of: $0) }
    return fits
      ? nil
      : Fault(
        code: .rankMismatch,
        message: "the tensors have rank \(found), but the configuration says \(expected)")
  }

  /// The kinds whose updates alpha scales.
  private static let scaled: Set<AdapterModule.Kind> = [
    .linear, .embedding, .convolution, .parameter, .loha, .lokr, .adalora,
  ]

  private func alphaUnknown() -> [Finding] {
    let unknown = modules.filter { module in
      module.alpha == nil && module.scale == nil && Self.scaled.contains(module.kind)
        && !module.tensors.contains { $0.leaf.role == .alpha }
    }
    guard !unknown.isEmpty else { return [] }
    return [
      Finding(
        .warning, .alphaUnknown, tensors: unknown.flatMap { $0.tensors.map(\.record.name) },
        "no file says the lora_alpha of the \(unknown.count) adapted "
          + "\(unknown.count == 1 ? "module" : "modules"); merging needs --alpha")
    ]
  }
}
