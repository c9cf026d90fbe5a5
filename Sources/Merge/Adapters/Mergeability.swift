import Compute
import Formats
import Inspect

/// Refuses, by name, what cannot be merged: a silent half-merge is the worst
/// that this program could do.
enum Mergeability {
  /// Throws the first reason why `adapter` cannot be merged.
  static func check(_ adapter: Adapter) throws(CheckpointError) {
    if let reason = kinds[adapter.kind] { throw refusal(adapter, reason) }
    // What cannot be merged at all explains more than what else is wrong with it.
    let faults = adapter.findings.filter { $0.severity == .error }
    let obstacle = faults.first { $0.code == .unmergeable }
    if obstacle == nil, adapter.features.contains(.mutatedBase) { throw mutatedBase(adapter) }
    if let fault = obstacle ?? faults.first {
      throw CheckpointError(
        path: adapter.path, tensor: fault.tensors.count == 1 ? fault.tensors[0] : nil,
        fault.message, details: folded(fault.tensors), fix: fault.fix)
    }
    try checkLeftovers(adapter)
    if let module = adapter.modulesWithoutMagnitude.first {
      throw CheckpointError(
        path: adapter.path, tensor: module.tensors.first?.record.name,
        "belongs to \(module.target.quoted), which has no lora_magnitude_vector, although use_dora "
          + "is true",
        details: folded(adapter.modulesWithoutMagnitude.map(\.target)))
    }
    for module in adapter.modules { try check(module, of: adapter) }
    guard !adapter.modules.isEmpty || !adapter.replacements.isEmpty else {
      throw CheckpointError(
        path: adapter.path, "holds no factors and no tensors, so there is nothing to merge")
    }
  }

  /// Throws where the configuration makes PEFT ignore tensors of the file, by the names
  /// that the adapter has itself: then one of the two is wrong.
  static func checkTargets(_ adapter: Adapter) throws(CheckpointError) {
    guard let ignored = adapter.ignoredModules.first else { return }
    throw CheckpointError(
      path: adapter.path, "\(ignored.message); expected a configuration for all of them",
      details: folded(ignored.modules.map(\.target)),
      fix: "correct adapter_config.json, or choose the modules to merge with --include")
  }

  /// Throws where the model that LLaVA's training built around the base would lack its
  /// projector, unless the user has chosen a part of the adapter.
  static func checkProjector(of weighted: WeightedAdapter, onto base: Checkpoint)
    throws(CheckpointError)
  {
    guard let finding = weighted.missingProjector, weighted.isWhole,
      !SideFileChecks.holdsProjector(base)
    else { return }
    throw CheckpointError(
      path: weighted.adapter.path, finding.message,
      fix: "put the non_lora_trainables.bin of the finished run beside it, or merge the language "
        + "model alone with --include '**'")
  }

  /// For `check` a warning: the changed base may be at hand; no file says which it is.
  private static func mutatedBase(_ adapter: Adapter) -> CheckpointError {
    let feature = AdapterFeature.mutatedBase
    let method = adapter.configuration?.json[feature.rawValue]?.string
    return CheckpointError(
      path: adapter.path,
      "\(feature.rawValue) \(method?.quoted ?? "") \(feature.explanation), "
        + (feature.obstacle ?? ""),
      fix: "save the adapter again with path_initial_model_for_weight_conversion; or, where the "
        + "base is the changed one, set init_lora_weights to true in adapter_config.json")
  }

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
    for tensor in module.tensors where !tensor.isOfMergedType {
      throw CheckpointError(
        path: adapter.path, tensor: tensor.record.name,
        "is \(tensor.record.type.name); expected F32, F16, BF16 or F64",
        fix: tensor.record.type.assumption)
    }
    guard module.factors != nil, module.updatedShape != nil else {
      throw CheckpointError(
        path: adapter.path, tensor: module.tensors.first?.record.name,
        "the factors of \(module.target.quoted) are not complete, or do not fit together")
    }
  }

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
