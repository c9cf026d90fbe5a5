import Compute
import Formats

/// Whether an adapter fits a base: names, shapes, vocabulary, ties, PLoRA.
struct AdapterBaseChecks {
  let adapter: Adapter
  let base: Checkpoint
  let matching: BaseMatching
  private let positions: NameTable
  private let configuration: ModelConfiguration?
  /// The renaming by several rules, where no single one does.
  private let inferred: InferredRenaming?

  init(_ adapter: Adapter, of checkpoint: Checkpoint, base: Checkpoint) {
    self.adapter = adapter
    self.base = base
    matching = BaseMatching(adapter, base: base)
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
    unmatched() + mismatched() + (try replacements()) + tied() + plora() + quantised() + baseName()
  }

  /// Keys that torch would call unexpected, and modules whose weight has another shape.
  var load: StrictLoad {
    var load = StrictLoad()
    load.unexpected =
      matching.unmatched.flatMap { $0.tensors.map(\.record.name) }
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

  /// Tensors of the adapter that are to take the place of tensors that the base has
  /// not got. A tied head is one that it does not need to have.
  private var orphans: [AdapterReplacement] {
    adapter.replacements.filter {
      positions[$0.target] == nil && !EmbeddingNames.isOutput($0.target)
        && $0.kind != .tokenRows
    }
  }

  private func replacements() throws(CheckpointError) -> [Finding] {
    var findings: [Finding] = []
    if !orphans.isEmpty {
      findings.append(
        Finding(
          .error, .unmatchedKey, tensors: orphans.map(\.record.name),
          "\(Wording.count(orphans.count, "tensor")) would take the place of tensors that the base "
            + "\(base.path.printable) does not have: \(Wording.folded(orphans.map(\.target)))"))
    }
    for replacement in adapter.replacements where replacement.kind != .tokenRows {
      guard let position = positions[replacement.target] else { continue }
      if let finding = try judge(replacement, base.records[position]) { findings.append(finding) }
    }
    return findings
  }

  private func judge(_ replacement: AdapterReplacement, _ original: TensorRecord)
    throws(CheckpointError) -> Finding?
  {
    let record = replacement.record
    guard record.shape == original.shape else {
      let isVocabulary =
        (EmbeddingNames.isInput(original.name) || EmbeddingNames.isOutput(original.name))
        && record.shape.dropFirst() == original.shape.dropFirst()
      return Finding(
        isVocabulary ? .warning : .error, isVocabulary ? .vocabularyMismatch : .shapeMismatch,
        tensors: [record.name],
        isVocabulary
          ? "\(record.name.quoted) has \(record.shape[0]) rows, but \(original.name.quoted) of the "
            + "base has \(original.shape[0]): the vocabulary was changed in training, and the whole "
            + "embedding and vocab_size have to be taken from the adapter"
          : "\(record.name.quoted) has the shape \(record.shape), but \(original.name.quoted) of "
            + "the base has \(original.shape)")
    }
    guard replacement.kind == .plora, record.bytes != nil, original.bytes != nil else { return nil }
    let isSame = try ValueChecks.isSame(record, original)
    return Finding(
      isSame ? .note : .warning, .baseTensorInAdapter, tensors: [record.name],
      isSame
        ? "\(record.name.quoted) is a copy of the base's, and harmless"
        : "\(record.name.quoted) differs from the base's: it was trained, and replaces it")
  }

  /// Updates of a head that the base ties to its embedding.
  private func tied() -> [Finding] {
    let targets =
      adapter.modules.map { "\($0.target).weight" } + adapter.replacements.map(\.target)
    let heads = targets.filter(EmbeddingNames.isOutput)
    guard let head = heads.first,
      configuration?.tiesEmbeddings == true || positions[head] == nil
    else { return [] }
    return [
      Finding(
        .warning, .tiedWeights, tensors: heads,
        "\(head.quoted) is adapted, but the base ties it to its embedding"
          + (positions[head] == nil ? " and holds no tensor of its own for it" : "")
          + ": PEFT would change the embedding as well; the merged model needs a head of its own and "
          + "tie_word_embeddings false")
    ]
  }

  private func plora() -> [Finding] {
    let names = base.records.map(\.name).filter(PLoRA.ends)
    if !names.isEmpty {
      return [
        Finding(
          .note, .ploraPresent, tensors: names,
          "\(Wording.count(names.count, "tensor")) of the base \(Wording.verb(names.count, "is", "are")) "
            + "PLoRA (\(Wording.plora(names))): part of the model, which acts on image tokens alone, "
            + "and carried through a merge unchanged")
      ]
    }
    let isXComposer = adapter.base?.lowercased().contains("xcomposer2") ?? false
    let leaked = adapter.replacements.contains { $0.kind == .plora }
    guard isXComposer || leaked else { return [] }
    return [
      Finding(
        .error, .ploraLost,
        "the adapter was trained on a model with PLoRA, but the base \(base.path.printable) holds none "
          + "of it: loading it would fill plora_glb_GN, plora_sub_GN and Plora_A/B with random values"
      )
    ]
  }

  private func quantised() -> [Finding] {
    if let method = configuration?.quantisation {
      return [
        Finding(
          .error, .quantisedBase,
          "the weights of the base \(base.path.printable) are quantised (\(method.printable)): merge "
            + "into the unquantised model")
      ]
    }
    let integers = matching.matches.map(\.base).filter { record in
      guard let type = record.type.element else { return true }
      return type.kind != .float || type.bitWidth <= 8
    }
    guard !integers.isEmpty else { return [] }
    return [
      Finding(
        .error, .quantisedBase, tensors: integers.map(\.name),
        "\(FoldedKeys.summary(of: integers.map(\.name), "tensor")) of the base "
          + "\(Wording.verb(integers.count, "is", "are")) \(integers[0].type.name): merge into the "
          + "unquantised model")
    ]
  }

  /// Whether the adapter names this base. Names of directories say little: where the
  /// tensors fit, another name is only worth a note.
  private func baseName() -> [Finding] {
    guard let named = adapter.base, let wanted = Self.lastPart(named) else { return [] }
    let known = [configuration?.name, base.path].compactMap { $0.flatMap(Self.lastPart) }
    guard !known.contains(where: { $0.lowercased() == wanted.lowercased() }) else { return [] }
    let fits = matching.unmatched.isEmpty && matching.mismatches.isEmpty
    return [
      Finding(
        fits ? .note : .warning, .wrongBase,
        "the adapter was trained on \(named.quoted); the base is \(base.path.quoted)"
          + (fits ? ", whose tensors have the names and shapes that it wants" : ""))
    ]
  }

  private static func lastPart(_ path: String) -> String? {
    path.split(separator: "/").last { $0 != "." && $0 != ".." }.map(String.init)
  }
}
