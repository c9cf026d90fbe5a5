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

  /// Factors of LoRA beside a configuration of another method.
  private func foreignFactors() -> [Finding] {
    guard let family = configuration?.family, !["lora", "dora"].contains(family) else { return [] }
    let foreign = modules.filter {
      [.linear, .embedding, .convolution, .parameter].contains($0.kind)
    }
    guard !foreign.isEmpty else { return [] }
    return [
      Finding(
        .error, .configMismatch, tensors: foreign.flatMap { $0.tensors.map(\.record.name) },
        "\(FoldedKeys.summary(of: foreign.map(\.target), "module")): has factors of LoRA, but "
          + "adapter_config.json says that the adapter is of the kind \(family.printable)")
    ]
  }

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
