import Formats

/// Whether an adapter fits a base: names, shapes, vocabulary, ties, PLoRA.
struct AdapterBaseChecks {
  let adapter: Adapter
  let base: Checkpoint
  let matching: BaseMatching
  let positions: NameTable
  let configuration: ModelConfiguration?
  /// The renaming by several rules, where no single one does.
  private let inferred: InferredRenaming?

  /// Why the factors of fused experts do not fit.
  private let expertFault: CheckpointError?

  /// Throws where the layers that the adapter repeats are not the base's.
  init(_ adapter: Adapter, of checkpoint: Checkpoint, base original: Checkpoint)
    throws(CheckpointError)
  {
    let layers = try LayerReplication(of: adapter, base: original)
    let base = layers.map { original.expanded($0.copies) } ?? original
    self.adapter = adapter
    self.base = base
    matching = BaseMatching(adapter.limited { $0.kind != .parameter }, base: base)
    var fault: CheckpointError?
    do throws(CheckpointError) {
      _ = try ExpertMatching(adapter, base: base).matches()
    } catch {
      fault = error
    }
    expertFault = fault
    positions = base.positions()
    configuration = try? ModelConfiguration(beside: base)
    inferred =
      matching.unmatched.isEmpty || matching.suggestion != nil
      ? nil : InferredRenaming(adapter: checkpoint, to: base)
  }

  /// The renaming that would place every module, as expression and replacement.
  var suggestedMap: [(pattern: String, replacement: String)]? {
    if let suggestion = matching.suggestion,
      let rule = try? RenameRule(argument: suggestion.rule)
    {
      return [(rule.pattern, rule.replacement)]
    }
    return inferred.map { $0.map.rules.map { ($0.pattern, $0.replacement) } }
  }

  func findings() throws(CheckpointError) -> [Finding] {
    unmatched() + experts() + contested() + indivisible() + mismatched() + (try replacements())
      + tied() + plora()
      + quantised() + baseName()
  }

  /// Keys that torch would call unexpected, and modules whose weight has another shape.
  var load: StrictLoad {
    var load = StrictLoad()
    load.unexpected =
      (matching.unmatched + matching.contested).flatMap { $0.tensors.map(\.record.name) }
      + orphans.map(\.record.name)
    load.mismatched = matching.mismatches.map {
      StrictLoad.Mismatch(
        $0.base.name, expected: $0.base.shape,
        found: $0.module.updatedShape ?? [])
    }
    return load
  }

  private func unmatched() -> [Finding] {
    let modules = matching.unmatched
    guard !modules.isEmpty else { return [] }
    let all = adapter.modules.count
    var message =
      modules.count == all
      ? "none of the \(Wording.count(all, "adapted module")) is in the base \(base.path.printable)"
      : "\(modules.count) of the \(all) adapted modules "
        + "\(Wording.verb(modules.count, "is", "are")) not in the base \(base.path.printable)"
    message += ": \(Wording.folded(modules.map(\.target)))"
    if !matching.nearest.isEmpty {
      message += "; nearest in the base: \(Wording.folded(matching.nearest))"
    }
    return [
      Finding(
        .error, .unmatchedKey, tensors: modules.flatMap { $0.tensors.map(\.record.name) }, message,
        fix: matching.unmatchedFix
          ?? inferred?.command(for: adapter.path, toMatch: base.path))
    ]
  }

  /// Factors of fused experts without a parameter that is theirs.
  private func experts() -> [Finding] {
    guard let expertFault else { return [] }
    return [
      Finding(
        .error, .unmatchedKey, tensors: [expertFault.tensor].compactMap(\.self),
        expertFault.message)
    ]
  }

  /// Modules of another shape, those of one kind together.
  private func mismatched() -> [Finding] {
    struct Kind: Hashable {
      let expected: [Int]
      let found: [Int]
      let isVocabulary: Bool
    }
    var order: [Kind] = []
    var members: [Kind: [AdapterModule]] = [:]
    for mismatch in matching.mismatches {
      let name = mismatch.base.name
      let kind = Kind(
        expected: mismatch.base.shape, found: mismatch.module.updatedShape ?? [],
        isVocabulary: EmbeddingNames.isInput(name) || EmbeddingNames.isOutput(name))
      if members[kind] == nil { order.append(kind) }
      members[kind, default: []].append(mismatch.module)
    }
    return order.map { kind in
      let modules = members[kind] ?? []
      let slice = Self.slice(of: kind.expected, kind.found).map {
        ": one of \($0) equal parts of its rows, as when each of \($0) processes of FSDP saved its own"
      }
      return Finding(
        .error, kind.isVocabulary ? .vocabularyMismatch : .shapeMismatch,
        tensors: modules.flatMap { $0.tensors.map(\.record.name) },
        "\(FoldedKeys.summary(of: modules.map(\.target), "module")): the adapter updates "
          + "\(kind.found), but the base has \(kind.expected)"
          + (kind.isVocabulary
            ? "; the vocabulary was changed in training" : slice ?? ""))
    }
  }

  /// By what the rows of `found` are too few, where that divides them.
  private static func slice(of expected: [Int], _ found: [Int]) -> Int? {
    guard expected.count == 2, found.count == 2, expected[1] == found[1], found[0] > 0,
      expected[0] > found[0], expected[0] % found[0] == 0
    else { return nil }
    return expected[0] / found[0]
  }

  /// Modules that stand for several tensors, or several for one.
  private func contested() -> [Finding] {
    let modules = matching.contested
    guard !modules.isEmpty else { return [] }
    return [
      Finding(
        .error, .unmatchedKey, tensors: modules.flatMap { $0.tensors.map(\.record.name) },
        "\(FoldedKeys.summary(of: modules.map(\.target), "module")): the names stand for several "
          + "tensors of the base \(base.path.printable), or several of them for one")
    ]
  }
}
