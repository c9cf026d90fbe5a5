import Formats

/// Methods and features that no merge computes.
extension AdapterChecks {
  /// What the method as a whole stands in the way of.
  func methodFindings() -> [Finding] { foreignFactors() + unknownMethods() + projections() }

  /// VeRA's matrices, which PEFT leaves out where it is told to.
  private func projections() -> [Finding] {
    let vectors = modules.filter { $0.kind == .vera }
    let roles = Set(shared.map(\.leaf.role))
    guard !vectors.isEmpty, !roles.isSuperset(of: [.sharedA, .sharedB]) else { return [] }
    return [
      Finding(
        .error, .unmergeable, tensors: vectors.flatMap { $0.tensors.map(\.record.name) },
        "\(FoldedKeys.summary(of: vectors.map(\.target), "module")): needs vera_A and vera_B, which "
          + "torch's random numbers made and the file does not hold (save_projection false)")
    ]
  }

  /// Factors of a method beside a configuration of another.
  private func foreignFactors() -> [Finding] {
    guard let family = configuration?.family, let own = Self.kinds[family] else { return [] }
    let foreign = modules.filter { !own.contains($0.kind) && Self.methods[$0.kind] != nil }
    // AdaLoRA's names without its values: LoRA's, of which a part was lost.
    let cut = foreign.filter {
      family == "lora" && $0.kind == .adalora && $0.tensor(.singularValues) == nil
    }
    guard cut.isEmpty else { return [withoutWeight(cut)] }
    return Dictionary(grouping: foreign) { Self.methods[$0.kind] ?? "" }
      .sorted { $0.key < $1.key }.map { method, modules in
        Finding(
          .error, .configMismatch, tensors: modules.flatMap { $0.tensors.map(\.record.name) },
          "\(FoldedKeys.summary(of: modules.map(\.target), "module")): has factors of \(method), but "
            + "adapter_config.json says that the adapter is of the kind \(family.printable)")
      }
  }

  private func withoutWeight(_ modules: [AdapterModule]) -> Finding {
    let names = modules.flatMap(\.tensors).filter { [.a, .b].contains($0.leaf.role) }
      .map(\.record.name).filter { !$0.hasSuffix(".weight") }
    return Finding(
      .error, .unmatchedKey, tensors: names,
      "\(FoldedKeys.summary(of: modules.map(\.target), "module")): \(FoldedKeys.summary(of: names, "key")) "
        + "\(Wording.verb(names.count, "ends", "end")) in lora_A or lora_B without \".weight\": PEFT "
        + "would ignore \(Wording.verb(names.count, "it", "them"))",
      fix: FixCommands.rename(path, ["(\\.lora_[AB])$=\\1.weight"]))
  }

  /// Whether a method has factors for modules of the base.
  static func isOfModules(_ family: String) -> Bool { kinds[family] != nil }

  /// What the modules of a configured method are.
  private static let kinds: [String: Set<AdapterModule.Kind>] = [
    "lora": lora, "dora": lora, "loha": [.loha], "lokr": [.lokr], "ia3": [.ia3],
    "adalora": [.adalora], "vera": [.vera], "oft": [.rotation], "boft": [.rotation],
  ]

  private static let lora: Set<AdapterModule.Kind> =
    [.linear, .embedding, .convolution, .parameter]

  /// What their factors are called.
  private static let methods: [AdapterModule.Kind: String] = [
    .linear: "LoRA", .embedding: "LoRA", .convolution: "LoRA", .parameter: "LoRA",
    .loha: "LoHa", .lokr: "LoKr", .ia3: "IA3", .adalora: "AdaLoRA", .vera: "VeRA",
    .rotation: "a rotation (OFT, BOFT)",
  ]

  /// Methods that are known only by the names of their tensors.
  private func unknownMethods() -> [Finding] {
    let unknown = Dictionary(
      grouping: modules.filter { $0.kind == .other || $0.tensor(.factorOffset) != nil },
      by: { $0.tensors.first?.leaf.family ?? "" })
    return unknown.sorted { $0.key < $1.key }.map { family, modules in
      Finding(
        .error, .unmergeable, tensors: modules.flatMap { $0.tensors.map(\.record.name) },
        "\(FoldedKeys.summary(of: modules.map(\.target), "module")): "
          + (family == "lora"
            // As MLX writes those of experts.
            ? "the factors are no matrices, which is not supported"
            : "of a method known only by name (\(family.printable)), which is not supported"))
    }
  }

  /// What the configuration asks for beyond it.
  func features() -> [Finding] {
    (configuration?.features ?? []).compactMap { feature in
      switch feature {
      case .mutatedBase:
        let start = configuration?.json[feature.rawValue]?.string ?? ""
        return Finding(
          .warning, .mutatedBase,
          "\(feature.rawValue) is \(start.quoted): the adapter fits only the base that the start of "
            + "its training changed")
      default:
        guard let obstacle = feature.obstacle else { return nil }
        return Finding(
          .error, .unmergeable,
          "\(feature.rawValue): the adapter \(feature.explanation), \(obstacle)")
      }
    }
  }
}
