import Formats

/// Whether an adapter fits a base: names, shapes, vocabulary, ties, PLoRA.
struct AdapterBaseChecks {
  let adapter: Adapter
  /// With the sizes that the adapter's embeddings give it.
  let base: Checkpoint
  /// As it is.
  let original: Checkpoint
  let matching: BaseMatching
  /// By the names that the file of the base has.
  let positions: NameTable
  /// The modules whose bias the base has not got.
  private let withoutBias: [AdapterModule]
  /// What the adapter's names had to be changed for.
  private let layout: Finding?
  let tiedWeights: TiedWeights?
  let configuration: ModelConfiguration?
  /// The renaming that would place every module.
  let inferred: InferredRenaming?
  /// The modules whose weight the base holds packed into fewer bits.
  let packed: Set<String>
  /// Why the factors of fused experts do not fit.
  let expertFault: CheckpointError?

  /// Throws where the layers that the adapter repeats are not the base's.
  init(_ adapter: Adapter, of checkpoint: Checkpoint, base original: Checkpoint)
    throws(CheckpointError)
  {
    let layers = try LayerReplication(of: adapter, base: original)
    let deep = layers.map { original.expanded($0.copies) } ?? original
    let tied = try? TiedWeights(deep, for: [adapter])
    // PEFT gives a bare model the names that it has itself.
    let hidden =
      adapter.trainedClass.isBare == true ? nil : Self.hiddenModules(of: adapter, in: original)
    let (relaid, layout) = adapter.relaid(onto: deep, tied: tied)
    let adapter = try Self.folded(relaid, deep, tied)
    let base = deep.resized(by: adapter)
    self.adapter = adapter
    self.base = base
    self.original = deep
    tiedWeights = tied
    var whole = base
    if let tied {
      for (name, source) in tied.names { whole = whole.adding(copyOf: source, as: name) }
    }
    matching = BaseMatching(adapter.limited { $0.kind != .parameter }, base: whole)
    withoutBias = matching.withoutBias(whole.positions())
    self.layout = matching.unmatched.isEmpty ? hidden ?? layout : layout
    packed = Set(matching.packedWeights(in: base).map(\.module.target))
    var fault: CheckpointError?
    do throws(CheckpointError) {
      _ = try ExpertMatching(adapter, base: base).matches()
    } catch {
      fault = error
    }
    expertFault = fault
    positions = base.positions()
    configuration = try? ModelConfiguration(beside: base)
    inferred = packed.isEmpty ? Self.renaming(of: matching, onto: original) : nil
  }

  /// The adapter with one tensor for what the base ties.
  private static func folded(_ adapter: Adapter, _ base: Checkpoint, _ tied: TiedWeights?)
    throws(CheckpointError) -> Adapter
  {
    guard let tied else { return try adapter.foldingBias(onto: base, tied: nil) }
    let joined = try tied.joined(adapter)
    // A merge parts them before anything takes a place.
    let parted = tied.bias.flatMap { bias in
      tied.parted(by: joined).isEmpty ? nil : base.adding(copyOf: bias.source, as: bias.name)
    }
    return try joined.foldingBias(onto: parted ?? base, tied: tied)
  }

  /// The renaming that would place every module, as expression and replacement.
  var suggestedMap: [(pattern: String, replacement: String)]? {
    inferred?.map?.rules.map { ($0.pattern, $0.replacement) }
  }

  func findings() throws(CheckpointError) -> [Finding] {
    quantised() + unmatched() + experts() + contested() + indivisible() + mismatched()
      + (try replacements()) + biases() + tied() + plora() + targets() + baseName()
      + [layout].compactMap(\.self)
  }

  /// Whether the weight of the module is there, only in fewer bits: what else is said of
  /// it would be noise.
  func isPacked(_ module: AdapterModule) -> Bool {
    packed.contains(module.target)
  }
  private var unmatchedModules: [AdapterModule] { matching.unmatched.filter { !isPacked($0) } }
  var mismatches: [BaseMatching.Mismatch] {
    // The shape of grouped factors is another anyway, and they are told of by themselves.
    // So are factors that give no update.
    matching.mismatches.filter {
      !isPacked($0.module) && $0.module.channelGroups == nil && $0.module.updatedShape != nil
    }
  }

  /// Whether the base has biases that an adapter could bring.
  var hasBiases: Bool { base.records.contains { $0.name.hasSuffix("bias") } }

  /// Modules of the base that PEFT would adapt as well.
  private func targets() -> [Finding] {
    guard let configuration = adapter.configuration, adapter.kind == .peftAdapter, layout == nil,
      matching.unmatched.isEmpty
    else { return [] }
    return TargetChecks(adapter: adapter, configuration: configuration).missing(in: base)
  }

  /// Biases of B for which the base has none.
  private func biases() -> [Finding] {
    let modules = withoutBias
    guard !modules.isEmpty else { return [] }
    return [
      Finding(
        .error, .unmergeable,
        tensors: modules.flatMap { module in
          [.outputBias, .biasDifference].compactMap { module.tensor($0)?.name }
        },
        "the adapter adds to the bias of \(Wording.folded(modules.map(\.target))), but the base "
          + "\(base.path.printable) has none: neither PEFT nor tenon can merge it")
    ]
  }

  /// Keys that torch would call unexpected, and modules whose weight has another shape.
  var load: StrictLoad {
    var load = StrictLoad()
    load.unexpected =
      (unmatchedModules + matching.contested).flatMap { $0.tensors.map(\.record.name) }
      + orphans.map(\.record.name) + strayRows.map(\.record.name)
    load.mismatched = mismatches.map {
      StrictLoad.Mismatch(
        $0.base.name, expected: $0.base.shape,
        found: $0.module.updatedShape ?? [])
    }
    return load
  }

  private func unmatched() -> [Finding] {
    let modules = unmatchedModules
    guard !modules.isEmpty else { return [] }
    let all = adapter.modules.count
    var message =
      modules.count == all
      ? "none of the \(Wording.count(all, "adapted module")) is in the base \(base.path.printable)"
      : "\(modules.count) of the \(all) adapted modules "
        + "\(Wording.verb(modules.count, "is", "are")) not in the base \(base.path.printable)"
    message += ": \(Wording.folded(modules.map(\.target)))"
    let weights = modules.map { "\($0.target).weight" }
    if let layers = AbsentLayers(weights, in: base.records.lazy.map(\.name)) {
      message += "; \(layers.comparison(with: adapter.modules))"
    } else if !matching.nearest.isEmpty {
      message += choice(modules[0]) ?? "; nearest in the base: \(Wording.folded(matching.nearest))"
    }
    return [
      Finding(
        .error, .unmatchedKey, tensors: modules.flatMap { $0.tensors.map(\.record.name) }, message,
        fix: matching.unmatchedFix(inferred))
    ]
  }

  /// Factors of fused experts without a parameter that is theirs.
  private func experts() -> [Finding] {
    guard let expertFault else { return [] }
    // That the base is quantised was said already.
    if quantised().contains(where: { $0.severity == .error }) { return [] }
    return [
      Finding(
        // What is wrong with the base itself is that it is quantised.
        .error, expertFault.path == original.path ? .quantisedBase : .unmatchedKey,
        tensors: [expertFault.tensor].compactMap(\.self),
        expertFault.message, fix: expertFault.fix)
    ]
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
