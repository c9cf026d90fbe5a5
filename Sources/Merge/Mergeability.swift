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
    for feature in adapter.configuration?.features ?? [] {
      throw CheckpointError(
        path: adapter.path,
        "\(feature.rawValue) \(feature.explanation), which is not supported yet",
        details: adapter.replacements.map { "\($0.kind.rawValue): \($0.record.name)" })
    }
    if let fault = adapter.findings.first(where: { $0.severity == .error }) {
      throw CheckpointError(
        path: adapter.path, tensor: fault.tensors.count == 1 ? fault.tensors[0] : nil,
        fault.message, details: folded(fault.tensors), fix: fault.fix)
    }
    guard adapter.family == "lora" else {
      throw refusal(
        adapter, "is an adapter of the kind \(adapter.family.quoted); only lora is supported yet")
    }
    try checkReplacements(adapter)
    for module in adapter.modules { try check(module, of: adapter) }
    guard !adapter.modules.isEmpty else {
      throw CheckpointError(
        path: adapter.path, "holds no LoRA factors, so there is nothing to merge")
    }
  }

  /// Kinds of files that are no adapters for another file, and why not.
  private static let kinds: [CheckpointKind: String] = [
    .model: "is a whole model; expected an adapter",
    .stateDict: "holds no tensors that tenon knows as parts of an adapter",
    .wrappedCheckpoint:
      "holds base and adapter in one file, which is not supported yet",
    .kohyaAdapter: "is named as kohya's scripts name adapters, which is not supported yet",
    .diffusersAdapter: "is named as diffusers names adapters, which is not supported yet",
    .llavaAdapter:
      "has non_lora_trainables.bin beside it (LLaVA), which is not supported yet",
  ]

  private static func checkReplacements(_ adapter: Adapter) throws(CheckpointError) {
    if let first = adapter.replacements.first {
      throw CheckpointError(
        path: adapter.path, tensor: first.record.name,
        "is a \(first.kind.rawValue) that takes the place of \(first.target.quoted), which is not supported yet",
        details: folded(adapter.replacements.map(\.record.name)))
    }
    let unused = adapter.shared.map(\.record) + adapter.leftovers
    if let first = unused.first {
      throw CheckpointError(
        path: adapter.path, tensor: first.name,
        "is no part of a LoRA adapter that tenon knows, so it would be lost",
        details: folded(unused.map(\.name)))
    }
  }

  private static func check(_ module: AdapterModule, of adapter: Adapter) throws(CheckpointError) {
    guard module.kind == .linear else {
      throw CheckpointError(
        path: adapter.path, tensor: module.tensors.first?.record.name,
        "adapts \(names[module.kind] ?? "a module of an unknown kind"), which is not supported yet")
    }
    if let extra = module.extras.first {
      throw CheckpointError(
        path: adapter.path, tensor: extra.record.name,
        "\(extra.leaf.name) belongs to more than plain LoRA, which is not supported yet")
    }
    for factor in [module.a, module.b].compactMap(\.self) {
      guard factor.shape.count == 2 else {
        throw CheckpointError(
          path: adapter.path, tensor: factor.name,
          "has shape \(factor.shape); expected a matrix")
      }
      guard let type = factor.type.element, [.f32, .f16, .bf16, .f64].contains(type) else {
        throw CheckpointError(
          path: adapter.path, tensor: factor.name,
          "is \(factor.type.name); expected F32, F16, BF16 or F64")
      }
    }
    guard module.a != nil, module.b != nil, let rank = module.rank, rank > 0 else {
      throw CheckpointError(
        path: adapter.path, tensor: module.tensors.first?.record.name,
        "the factors of \(module.target.quoted) are not a pair of A and B")
    }
  }

  private static let names: [AdapterModule.Kind: String] = [
    .embedding: "an embedding", .convolution: "a convolution",
    .parameter: "a parameter of several matrices",
  ]

  /// Refuses to update one of two tensors that the model ties into one: a loader
  /// would tie them again and lose the update, or give it to both.
  static func checkTies(_ matching: BaseMatching, base: Checkpoint) throws(CheckpointError) {
    guard let configuration = base.sideFile("config.json"),
      let document = try? InputFile.json(at: configuration.path),
      document["tie_word_embeddings"]?.bool == true
    else { return }
    for match in matching.matches {
      let module = match.module.target.split(separator: ".").last.map(String.init) ?? ""
      guard outputModules.contains(module) else { continue }
      throw CheckpointError(
        path: base.path, tensor: match.base.name,
        "is tied to the input embedding (tie_word_embeddings), "
          + "and merging into a tied output is not supported yet")
    }
  }

  /// What models call the module that turns hidden states into logits.
  private static let outputModules: Set<String> = ["lm_head", "embed_out", "output"]

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
