public import Formats

extension BaseMatching {
  /// Throws unless every module found its tensor.
  public func requireComplete() throws(CheckpointError) {
    if !unmatched.isEmpty { throw unmatchedError }
    if let first = contested.first { throw contestedError(first) }
    if let first = indivisible.first {
      throw CheckpointError(
        path: adapter.path, tensor: first.tensors.first?.record.name, indivisibleMessage)
    }
    if let first = undecided.first {
      throw CheckpointError(
        path: adapter.path, tensor: first.tensors.first?.record.name,
        "\(FoldedKeys.summary(of: undecided.map(\.target), "module")): the weight is square, and "
          + "nothing tells whether it is held as [out, in] or as [in, out]; expected a config.json "
          + "beside it whose model_type is one of transformers' own")
    }
    guard let first = mismatches.first else { return }
    let expected = first.module.updatedShape ?? []
    let same = mismatches.filter {
      $0.base.shape == first.base.shape && $0.module.updatedShape == expected
    }
    throw CheckpointError(
      path: adapter.path,
      "\(FoldedKeys.summary(of: same.map(\.module.target), "module")): the adapter updates "
        + "\(expected), but the base has \(first.base.shape)",
      details: Self.lines(mismatches.map(\.base.name), "of other shapes in \(basePath):"))
  }

  /// Why some modules cannot be divided.
  var indivisibleMessage: String {
    "\(FoldedKeys.summary(of: indivisible.map(\.target), "module")): the base holds it as several "
      + "tensors, and factors of the kind \(adapter.family) cannot be divided among them"
  }

  private var unmatchedError: CheckpointError {
    let names = unmatched.flatMap { $0.tensors.map(\.record.name) }
    let all = adapter.modules.count
    var details = Self.lines(names, "unused:")
    if !nearest.isEmpty { details += Self.lines(nearest, "nearest in the base:") }
    return CheckpointError(
      path: adapter.path,
      unmatched.count == all
        ? "none of the \(all) adapted \(all == 1 ? "module" : "modules") is in the base \(basePath)"
        : "\(unmatched.count) of the \(all) adapted modules "
          + "\(unmatched.count == 1 ? "is" : "are") not in the base \(basePath)",
      details: details, fix: unmatchedFix(renaming))
  }

  /// The command that makes an adapter whose modules all have their place.
  func unmatchedFix(_ renaming: InferredRenaming?) -> String? {
    if let renaming { return renaming.command(for: adapter.path, toMatch: basePath) }
    // Modules of another part of the pipeline: the base is one of its components.
    guard case .pipeline = AdapterFamily.naming(of: adapter.kind) else {
      let rearranged = RearrangedNames(base)
      return unmatched.allSatisfy { rearranged.contains("\($0.target).weight") }
        ? RearrangedNames.advice : nil
    }
    let parts = Set(matches.map { Self.part(of: $0.module.target) })
    let others = Set(unmatched.map { Self.part(of: $0.target) })
    guard parts.count == 1, let part = parts.first, !part.isEmpty, !others.contains(part),
      !others.contains("")
    else { return nil }
    let output = FixCommands.renamed(adapter.path, adding: "-\(part.dropLast())")
    return "tenon remap \(shellQuoted(adapter.path)) -o \(shellQuoted(output)) "
      + "--include '\(part)**'"
  }

  /// `lora_te1_` or `text_encoder.`: what tells the part of the pipeline.
  private static func part(of target: String) -> String {
    if target.contains(".") {
      let first = target.prefix { $0 != "." }
      let isComponent = PipelineComponent.table.contains { component in
        component.diffusers == first || component.otherPrefixes.contains(String(first))
      }
      return isComponent ? "\(first)." : ""
    }
    let prefixes = Set(PipelineComponent.table.flatMap(\.kohya)).map { "\($0)_" }
    return prefixes.filter { target.hasPrefix($0) }.max { $0.count < $1.count } ?? ""
  }

  private func contestedError(_ module: AdapterModule) -> CheckpointError {
    CheckpointError(
      path: adapter.path, tensor: module.tensors.first?.record.name,
      "\(FoldedKeys.summary(of: contested.map(\.target), "module")): the names stand for several "
        + "tensors of \(basePath), or several of them for one, and nothing tells which is meant")
  }

  private static let maximumLineCount = 12

  /// Names grouped by pattern under a heading, not too many of them.
  private static func lines(_ names: [String], _ heading: String) -> [String] {
    let folded = FoldedKeys.fold(names).map { "  \($0)" }
    let shown = folded.prefix(maximumLineCount)
    let rest = folded.count - shown.count
    return [heading] + shown + (rest > 0 ? ["  … and \(rest) more patterns"] : [])
  }
}
