import Compute
import Formats
import Inspect

/// Refuses, by name, what cannot be merged: a silent half-merge is the worst
/// that this program could do.
enum Mergeability {
  /// Throws the first reason why `adapter` cannot be merged.
  static func check(_ adapter: Adapter) throws(CheckpointError) {
    if let reason = kinds[adapter.kind] { throw refusal(adapter, reason) }
    // What the configuration asks for explains more than the tensors do.
    for feature in adapter.features where !merged.contains(feature) {
      throw CheckpointError(
        path: adapter.path,
        "\(feature.rawValue) \(feature.explanation), \(reasons[feature] ?? notSupported)")
    }
    if let fault = adapter.findings.first(where: { $0.severity == .error }) {
      throw CheckpointError(
        path: adapter.path, tensor: fault.tensors.count == 1 ? fault.tensors[0] : nil,
        fault.message, details: folded(fault.tensors), fix: fault.fix)
    }
    try checkLeftovers(adapter)
    for module in adapter.modules { try check(module, of: adapter) }
    guard !adapter.modules.isEmpty || !adapter.replacements.isEmpty else {
      throw CheckpointError(
        path: adapter.path, "holds no factors and no tensors, so there is nothing to merge")
    }
  }

  /// What a configuration may ask for, because the merge does it.
  private static let merged: Set<AdapterFeature> = [
    .dora, .loraBias, .bias, .modulesToSave, .trainableTokens, .targetParameters,
    .layerReplication,
  ]

  private static let notSupported = "which is not supported yet"

  /// Why some of the others cannot be merged at all.
  private static let reasons: [AdapterFeature: String] = [
    .activatedLoRA: "so that no single weight does what it does",
    .qalora: "so that no single weight does what it does",
    .arrow: "so that no single weight does what it does",
    .mutatedBase: "so that it fits only that changed base, which no file here is known to be",
  ]

  /// Kinds of files that are no adapters for another file, and why not.
  private static let kinds: [CheckpointKind: String] = [
    .model: "is a whole model; expected an adapter",
    .stateDict: "holds no tensors that tenon knows as parts of an adapter",
  ]

  /// Each tensor has to be used.
  private static func checkLeftovers(_ adapter: Adapter) throws(CheckpointError) {
    let isUsed = adapter.modules.contains { $0.kind == .vera }
    let unused = (isUsed ? [] : adapter.shared.map(\.record)) + adapter.leftovers
    guard let first = unused.first else { return }
    throw CheckpointError(
      path: adapter.path, tensor: first.name,
      "is no part of an adapter that tenon knows, so it would be lost",
      details: folded(unused.map(\.name)))
  }

  private static func check(_ module: AdapterModule, of adapter: Adapter) throws(CheckpointError) {
    if let name = refusedKinds[module.kind] {
      throw CheckpointError(
        path: adapter.path, tensor: module.tensors.first?.record.name,
        "is \(name) (\(adapter.family)), which is not supported yet")
    }
    if let configured = adapter.configuration?.family, !["lora", "dora"].contains(configured),
      [.linear, .embedding, .convolution, .parameter].contains(module.kind)
    {
      throw CheckpointError(
        path: adapter.path, tensor: module.tensors.first?.record.name,
        "is a factor of LoRA, but adapter_config.json says that the adapter is of the kind "
          + configured)
    }
    for tensor in module.tensors where tensor.leaf.role != .alpha {
      guard let type = tensor.record.type.element, [.f32, .f16, .bf16, .f64].contains(type) else {
        throw CheckpointError(
          path: adapter.path, tensor: tensor.record.name,
          "is \(tensor.record.type.name); expected F32, F16, BF16 or F64")
      }
    }
    guard module.factors != nil, module.updatedShape != nil else {
      throw CheckpointError(
        path: adapter.path, tensor: module.tensors.first?.record.name,
        "the factors of \(module.target.quoted) are not complete, or do not fit together")
    }
  }

  private static let refusedKinds: [AdapterModule.Kind: String] = [
    .other: "of a method known only by name"
  ]

  private static func refusal(_ adapter: Adapter, _ reason: String) -> CheckpointError {
    CheckpointError(path: adapter.path, reason)
  }

  /// Keys grouped by pattern, one line each.
  static func folded(_ keys: [String]) -> [String] {
    guard keys.count > 1 else { return [] }
    let lines = FoldedKeys.fold(keys).map(\.description)
    let limit = 12
    return lines.count <= limit
      ? lines : Array(lines.prefix(limit)) + ["… and \(lines.count - limit) patterns more"]
  }
}
