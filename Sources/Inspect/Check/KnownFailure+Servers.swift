import Formats

/// Servers that apply adapters as they are, and only some.
extension KnownFailure {
  static let servers = [
    KnownFailure(
      ["is unsupported LoRA weight"], .unmatchedKey,
      "vLLM reads lora_A and lora_B alone, and refuses an adapter that has any other tensor",
      proof: others),
    KnownFailure(
      ["expected target modules in [", "but received ["], .unmatchedKey,
      "vLLM adapts only the modules that it lists, by the last part of their names, and the adapter "
        + "has others", proof: merge),
    KnownFailure(
      ["There is no module or parameter named '"], .prefixDrift,
      "vLLM knows no part of the model by a word in the names of the file", proof: wrapped),
  ]

  /// The wrapper that the names have.
  @Sendable
  private static func wrapped(_ inspection: Inspection) -> Proof? {
    let path = inspection.checkpoint.path
    let names = KeyWrappers.wrapped(inspection.checkpoint.records.map(\.name))
    guard let first = names.first else { return nil }
    return Proof(
      text: "\(FoldedKeys.summary(of: names, "key")) of \(path.printable) "
        + "\(Wording.verb(names.count, "holds", "hold")) the wrapper "
        + "\(KeyWrappers.found(in: first).quoted) of a training program",
      fix: FixCommands.remap(path, "--preset strip-wrappers"))
  }

  /// The tensors that are no such factor.
  @Sendable
  private static func others(_ inspection: Inspection) -> Proof? {
    let names = inspection.checkpoint.records.map(\.name).filter {
      !$0.hasSuffix(".lora_A.weight") && !$0.hasSuffix(".lora_B.weight")
    }
    guard inspection.adapter != nil, !names.isEmpty else { return nil }
    return Proof(
      text: "\(FoldedKeys.summary(of: names, "tensor")) of \(inspection.checkpoint.path.printable) "
        + "\(Wording.verb(names.count, "is", "are")) none; a merged model has no need of it",
      fix: command(inspection))
  }

  @Sendable
  private static func merge(_ inspection: Inspection) -> Proof? {
    guard inspection.adapter != nil else { return nil }
    return Proof(text: "a merged model has no need of it", fix: command(inspection))
  }

  private static func command(_ inspection: Inspection) -> String {
    FixCommands.merge(base: nil, adapter: inspection.checkpoint.path)
  }
}
