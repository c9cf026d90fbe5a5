import Compute
import Formats
import Inspect
import OrderedCollections

extension MergeReport {
  /// What the values of the result tell that no header could.
  static func findings(about statistics: Execution.Statistics, of tensors: [PlannedTensor])
    -> [Finding]
  {
    var updates: [ExactName: TensorUpdate] = [:]
    for tensor in tensors {
      if case .update(let update) = tensor.operation { updates[ExactName(tensor.name)] = update }
    }
    return zeros(statistics, updates) + losses(statistics, updates) + notFinite(statistics)
  }

  /// Updates that change nothing, those of one reason in one finding.
  private static func zeros(
    _ statistics: Execution.Statistics, _ updates: [ExactName: TensorUpdate]
  ) -> [Finding] {
    var names: OrderedDictionary<String, [String]> = [:]
    for (name, sums) in statistics where sums.updateSquares == 0 {
      guard let update = updates[ExactName(name)] else { continue }
      names[update.reasonForZero(sums), default: []].append(name)
    }
    return names.map { reason, names in
      Finding(
        .warning, .zeroUpdate, tensors: names,
        "the update of \(FoldedKeys.summary(of: names, "tensor")) is zero everywhere: \(reason)")
    }
  }

  /// Updates of which the rounding leaves less than half.
  private static func losses(
    _ statistics: Execution.Statistics, _ updates: [ExactName: TensorUpdate]
  ) -> [Finding] {
    let lossy = statistics.filter {
      $0.statistics.notFinite == 0 && ($0.statistics.keptShare ?? 1) < 0.5
    }
    // A number that is cut to the largest of its type changes by more than any update.
    return losses(lossy.filter { $0.statistics.kept < 0 }, updates, isReversed: true)
      + losses(lossy.filter { $0.statistics.kept >= 0 }, updates, isReversed: false)
  }

  private static func losses(
    _ lossy: Execution.Statistics, _ updates: [ExactName: TensorUpdate], isReversed: Bool
  ) -> [Finding] {
    guard !lossy.isEmpty else { return [] }
    let whole = lossy.reduce(into: UpdateStatistics()) { $0.combine($1.statistics) }
    let percent = Int(((whole.keptShare ?? 0) * 100).rounded())
    let isQuantised = lossy.allSatisfy { updates[ExactName($0.name)]?.scales != nil }
    let advice =
      isQuantised
      ? "merge into the model that was quantised to keep all of it" : "--dtype F32 keeps all of it"
    return [
      Finding(
        .warning, .zeroUpdate, tensors: lossy.map(\.name),
        "the rounding to the type of the output "
          + (isReversed
            ? "keeps nothing of the update and takes away more of "
            : "keeps only \(percent) % of the update of ")
          + "\(FoldedKeys.summary(of: lossy.map(\.name), "tensor")); \(advice)")
    ]
  }

  /// What tensors that are only converted lose beyond the last digits.
  static func conversionLosses(_ losses: [(name: String, losses: ConversionLosses)]) -> [Finding] {
    let lossy = losses.filter { $0.losses.overflow + $0.losses.underflow > 0 }
    guard !lossy.isEmpty else { return [] }
    let sum = lossy.reduce(into: ConversionLosses()) { $0.combine($1.losses) }
    let parts = [(sum.overflow, "overflowed"), (sum.underflow, "became zero")]
      .filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
    return [
      Finding(
        .warning, .lossyType, tensors: lossy.map(\.name),
        "the type of the output does not hold all values of "
          + "\(FoldedKeys.summary(of: lossy.map(\.name), "tensor")): "
          + parts.joined(separator: ", "))
    ]
  }

  private static func notFinite(_ statistics: Execution.Statistics) -> [Finding] {
    let names = statistics.filter { $0.statistics.notFinite > 0 }.map(\.name)
    guard !names.isEmpty else { return [] }
    return [
      Finding(
        .warning, .notFinite, tensors: names,
        "NaN or infinity in the result of \(FoldedKeys.summary(of: names, "tensor"))")
    ]
  }
}

extension TensorUpdate {
  /// Why an update that turned out to be zero everywhere is so, as the end of a sentence.
  fileprivate func reasonForZero(_ sums: UpdateStatistics) -> String {
    let actions = steps.filter { !$0.isRounding }.map(\.action)
    let scales = actions.compactMap { if case .add(let delta) = $0 { delta.scale } else { nil } }
    guard scales.count < actions.count else {
      if scales.allSatisfy({ $0 == 0 }) { return "it is added with the scale 0" }
      return scales.count > 1 ? "what is added is zero, or adds up to it" : actions[0].reasonForZero
    }
    if sums.baseSquares == 0 { return "the tensor is zero, and stays it when multiplied" }
    return actions.count > 1 ? "the adapter is as it was before training" : actions[0].reasonForZero
  }
}

extension UpdateStep.Action {
  /// Why the action alone changes nothing.
  fileprivate var reasonForZero: String {
    switch self {
    case .add(let delta):
      switch delta.form {
      case .full: "the difference that is added is zero"
      case .lowRank, .experts: "one of the adapter's factors is zero, as B is before training"
      case .hadamard, .kronecker: "one of the adapter's factors is zero, as before training"
      }
    case .multiply: "the adapter multiplies by 1, as before training"
    case .rotate: "the adapter turns by nothing, as before training"
    case .normalise: "the lengths that the adapter gives are those of the base"
    case .replaceRows: "the rows that take places are those of the base"
    case .round, .fitScales: "nothing is added"
    }
  }
}
