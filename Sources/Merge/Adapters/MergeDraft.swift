import Compute
import Formats
import Inspect

/// The steps for each tensor while adapter after adapter comes in.
struct MergeDraft {
  var base: MergeBase
  var updates: [ExactName: TensorUpdate]
  let numerics: Numerics
  let positions: NameTable
  let scheme: WeightScales.Scheme
  /// The number of the adapter whose steps for a tensor came last.
  private var latest: [ExactName: Int] = [:]
  private var adapterCount = 0
  /// The paths of the adapters that came in.
  private(set) var paths: Set<String> = []

  init(_ base: MergeBase, numerics: Numerics) {
    self.base = base
    self.numerics = numerics
    updates = base.replacements
    positions = base.checkpoint.positions()
    scheme = WeightScales.Scheme(base.checkpoint, positions)
  }

  /// Adds the steps of all modules of an adapter.
  mutating func add(_ weighted: WeightedAdapter) throws(CheckpointError) {
    let adapter = weighted.adapter
    adapterCount += 1
    paths.insert(adapter.path)
    let matching = BaseMatching(
      adapter.limited { $0.kind != .parameter }, base: base.checkpoint)
    if let packed = matching.packedWeights(in: base.checkpoint).first {
      throw UnmergeableType.error(
        packed.record, of: base.checkpoint, family: adapter.family,
        isRotation: false)
    }
    try matching.requireComplete()
    if numerics == .peft { noteFusedAttention(matching) }
    for match in matching.matches {
      let steps = ModuleSteps(
        module: match.module, base: match.base, isTransposed: match.isTransposed,
        adapter: adapter, weight: weighted.weight,
        numerics: numerics(for: try scales(of: match.base)))
      try append(try steps.weightSteps(), to: match.base, of: adapter)
      if match.module.isFusedAttentionOutput {
        updates[ExactName(match.base.name)]?.isDoubledByPEFT = true
      }
      let bias = try steps.biasSteps()
      guard !bias.steps.isEmpty else { continue }
      guard let position = positions[match.biasName] else {
        guard bias.isRequired else { continue }
        throw CheckpointError(
          path: adapter.path, tensor: match.module.tensors.first?.record.name,
          "adds to the bias of \(match.module.target), but the base \(base.checkpoint.path) has "
            + "none")
      }
      try append(bias.steps, to: base.checkpoint.records[position], of: adapter)
    }
    for match in matching.partialMatches {
      let steps = ModuleSteps(
        module: match.module, base: match.base, rows: match.rows, adapter: adapter,
        weight: weighted.weight, numerics: numerics(for: try scales(of: match.base)))
      try append(
        try steps.weightSteps(), to: match.base, of: adapter, stacksMatrices: match.isOfExpert)
      guard try steps.biasSteps().steps.isEmpty else {
        throw steps.refusal("changes the bias of a module that the base fuses with others")
      }
    }
    try addParameters(of: weighted)
    try addTokenRows(of: adapter)
  }

  /// What PEFT does twice, in the merge and in the model: to follow it there would make
  /// another model than the factors say.
  private mutating func noteFusedAttention(_ matching: BaseMatching) {
    let outputs = matching.matches.filter(\.module.isFusedAttentionOutput).map(\.base.name)
    guard !outputs.isEmpty else { return }
    base.note(
      Finding(
        .warning, .configMismatch, tensors: outputs,
        "\(FoldedKeys.summary(of: outputs, "tensor")): the output of a fused attention, to which "
          + "PEFT adds its update twice; here it is added once"))
  }

  /// `target_parameters`: the fused weights of experts.
  private mutating func addParameters(of weighted: WeightedAdapter) throws(CheckpointError) {
    let adapter = weighted.adapter
    for match in try ExpertMatching(adapter, base: base.checkpoint).matches() {
      let steps = try match.steps(adapter: adapter, weight: weighted.weight, numerics: numerics)
      for (record, step) in steps {
        try append([step], to: record, of: adapter, stacksMatrices: true)
      }
    }
  }

  private mutating func append(
    _ steps: [UpdateStep], to record: TensorRecord, of adapter: Adapter,
    stacksMatrices: Bool = false
  ) throws(CheckpointError) {
    let name = ExactName(record.name)
    guard !steps.isEmpty, try !isReplacedLater(name, after: adapter) else { return }
    let scales = try scales(of: record)
    guard let type = record.type.element,
      scales != nil || [.bf16, .f16, .f32, .f64].contains(type),
      type != .f64 || !steps.contains(where: \.isRotation)
    else {
      throw UnmergeableType.error(
        record, of: base.checkpoint, family: adapter.family,
        isRotation: steps.contains(where: \.isRotation))
    }
    var update = updates[name] ?? base.update(of: record)
    update.scales = scales
    if stacksMatrices { update.stackMatrices() }
    for step in steps {
      do throws(CheckpointError) {
        try step.check(rowCount: update.rowCount, columnCount: update.columnCount)
      } catch {
        throw error.with(path: adapter.path)
      }
    }
    if let other = latest[name], other != adapterCount {
      if numerics(for: scales) == .peft {
        update.steps.append(UpdateStep(.round, adapter: adapter.path))
      } else {
        try refuseOrder(of: steps, after: update, adapter)
      }
    }
    latest[name] = adapterCount
    update.steps += steps
    updates[name] = update
  }

  /// `trainable_token_indices`: rows of embeddings that were trained by themselves.
  private mutating func addTokenRows(of adapter: Adapter) throws(CheckpointError) {
    let replacements = adapter.replacements.filter { $0.kind == .tokenRows }
    guard !replacements.isEmpty else { return }
    let tied = try TiedWeights(base.checkpoint)
    for replacement in replacements {
      let record = replacement.record
      guard let position = positions[replacement.target] else {
        if adapter.rowsOfInput(for: replacement, of: tied) != nil { continue }
        throw CheckpointError(
          path: adapter.path, tensor: record.name,
          "holds rows of \(replacement.target.quoted), which the base \(base.checkpoint.path) "
            + "does not have")
      }
      let embedding = base.checkpoint.records[position]
      let rows = try TokenRows.indices(
        of: replacement, adapter: adapter, embedding: embedding, tied: tied)
      let copies = storedCopies(of: embedding, tied, without: replacements)
      for place in [embedding] + copies {
        try append(
          [UpdateStep(.replaceRows(rows, with: record), adapter: adapter.path)], to: place,
          of: adapter)
      }
    }
  }

  /// The other tensors that the base stores of one that is tied to them: PEFT changes the
  /// rows of all, unless the adapter has something for them by themselves.
  private func storedCopies(
    of embedding: TensorRecord, _ tied: TiedWeights?, without given: [AdapterReplacement]
  ) -> [TensorRecord] {
    guard let tied, tied.input == embedding.name else { return [] }
    let named = Set(given.map(\.target))
    return tied.others.compactMap { name in
      guard !named.contains(name), base.replacer(of: ExactName(name)) == nil,
        let position = positions[name], base.checkpoint.records[position].shape == embedding.shape
      else { return nil }
      return base.checkpoint.records[position]
    }
  }

  /// Gives what is meant for any name of a tied tensor to the one that stays.
  mutating func join(_ tied: TiedWeights) {
    let others = Set(tied.names.map { ExactName($0.name) })
    base.expand { others.contains(ExactName($0.name)) ? [] : [$0] }
    for (other, source) in tied.names {
      guard let moved = updates.removeValue(forKey: ExactName(other)) else { continue }
      let input = ExactName(source)
      // They began as one tensor, and PEFT loads what any of them brings into the one.
      var joined = moved.isReplacement ? moved : updates[input] ?? moved
      joined.base.name = source
      joined.steps = updates[input]?.steps ?? []
      if numerics == .peft, !joined.steps.isEmpty, let first = moved.steps.first {
        joined.steps.append(UpdateStep(.round, adapter: first.adapter))
      }
      joined.steps += moved.steps
      updates[input] = joined
    }
  }
}
