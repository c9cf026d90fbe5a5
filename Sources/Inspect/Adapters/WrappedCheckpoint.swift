public import Formats

/// A checkpoint that holds a base and the adapters around it, taken apart.
///
/// InternVL, InternLM-XComposer 1 and trainers that save a model with a PEFT model
/// inside write such files: `base_layer.weight` beside `lora_A.default.weight`.
public struct WrappedCheckpoint: Sendable {
  /// The tensors of the base under the names of the plain model.
  public let base: Checkpoint
  /// The adapters, the innermost first: training on top of an unmerged adapter nests
  /// them.
  public let adapters: [Adapter]
  /// The fields of the configuration that switch LoRA on, with what switches it off;
  /// nil where the field has to go.
  public let switches: [(field: String, off: JSONValue?)]

  /// Takes `checkpoint` apart. `alpha` is the one that the user gives for modules whose
  /// own no file says. Throws where a name of the base is not unique any more, or a
  /// configured rank is not that of the tensors.
  public init(_ checkpoint: Checkpoint, alpha: Double? = nil) throws(CheckpointError) {
    guard AdapterFamily.recognised(AdapterSurvey(checkpoint))?.kind == .wrappedCheckpoint else {
      let parts = checkpoint.records.map(\.name).filter(PLoRA.ends)
      guard parts.isEmpty else {
        throw CheckpointError(
          path: checkpoint.path,
          "holds no adapter; its \(Wording.count(parts.count, "tensor")) of PLoRA "
            + "(\(Wording.plora(parts))) \(Wording.verb(parts.count, "belongs", "belong")) to the "
            + "model and \(Wording.verb(parts.count, "acts", "act")) on image tokens alone, so that "
            + "no weight can take \(Wording.verb(parts.count, "it", "them")) in; expected a base "
            + "and an adapter")
      }
      throw CheckpointError(
        path: checkpoint.path,
        "does not hold a base and an adapter in one; expected both, or a base and an adapter",
        fix: "tenon inspect \(shellQuoted(checkpoint.path))")
    }
    let scales = try WrappedScales(checkpoint, alpha: alpha)
    var parts = WrappedParts(hasParameters: scales.hasParameters)
    for record in checkpoint.records { parts.add(record) }
    base = try parts.base(of: checkpoint)
    adapters = try parts.adapters(of: checkpoint, scales: scales)
    for adapter in adapters { try adapter.requireParameterNames(in: base) }
    switches = scales.switches
  }
}

extension Adapter {
  /// Throws where factors are for parameters of a module that nothing names.
  fileprivate func requireParameterNames(in base: Checkpoint) throws(CheckpointError) {
    let names = Set(base.records.map(\.name))
    let suspects = modules.filter { module in
      module.kind != .parameter
        && !["weight", "in_proj_weight"].contains { names.contains("\(module.target).\($0)") }
    }
    if suspects.isEmpty { return }
    let owners = Set(
      base.records.compactMap { record in
        record.shape.count < 2 ? nil : record.name.lastIndex(of: ".").map { record.name[..<$0] }
      })
    for module in suspects where owners.contains(module.target[...]) {
      throw CheckpointError(
        path: path, tensor: module.tensors.first?.record.name,
        "is for a parameter of \(module.target.quoted), and no target_parameters of an "
          + "adapter_config.json beside it say for which",
        fix: "put the adapter_config.json of the training beside it")
    }
  }
}
