import Compute
import Formats
import Inspect

/// What the order of several adapters means: PEFT merges one after the other, where `exact`
/// has no order, so that what would depend on one is refused.
extension MergeDraft {
  /// What to do where an order is needed.
  static let orderFix =
    "merge them one after the other, or with --numerics peft in the order given"

  /// Throws where the steps of `adapter` do not give the same before those of others.
  func refuseOrder(of steps: [UpdateStep], after update: TensorUpdate, _ adapter: Adapter)
    throws(CheckpointError)
  {
    let others = update.steps
    if (others + steps).allSatisfy(\.isSum) { return }
    let rows = (others.compactMap(\.replacedRows), steps.compactMap(\.replacedRows))
    var reason = "multiplies it"
    if !rows.0.isEmpty || !rows.1.isEmpty {
      guard
        try !areApart(rows.0, rows.1) || rows.0.count < others.count
          || rows.1.count < steps.count
      else { return }
      reason = "puts rows of its own into it"
    }
    throw CheckpointError(
      path: adapter.path, tensor: update.base.name,
      "is changed by another adapter too, and one of them \(reason), so that their order would "
        + "count",
      fix: numerics == .peft ? "merge them one after the other" : Self.orderFix)
  }

  /// Whether no row is among both, or the same rows with the same values are.
  private func areApart(
    _ one: [(rows: [Int], record: TensorRecord)], _ other: [(rows: [Int], record: TensorRecord)]
  ) throws(CheckpointError) -> Bool {
    for a in one {
      for b in other where !Set(a.rows).isDisjoint(with: b.rows) {
        guard a.rows == b.rows, a.record.type == b.record.type,
          try TensorData.isEqual(a.record, b.record)
        else { return false }
      }
    }
    return true
  }

  /// Whether what an adapter does to a tensor is lost, as a later one puts another in its
  /// place: PEFT follows the order given, where `exact` knows none.
  mutating func isReplacedLater(_ name: ExactName, after adapter: Adapter)
    throws(CheckpointError) -> Bool
  {
    guard let other = base.replacer(of: name), other != adapter.path else { return false }
    guard numerics == .peft else {
      throw CheckpointError(
        path: adapter.path, tensor: name.text,
        "is changed by this adapter, and \(other) puts a tensor of its own in its place, so that "
          + "their order counts; expected one adapter for it",
        fix: Self.orderFix)
    }
    guard !paths.contains(other) else { return false }
    base.note(
      Finding(
        .warning, .configMismatch, tensors: [name.text],
        "what \(adapter.path) does to \(name.text) is lost, as with PEFT: \(other), which comes "
          + "after it, puts a tensor of its own in its place"))
    return true
  }
}

extension UpdateStep {
  /// The rows that others take the place of, and what holds those.
  fileprivate var replacedRows: (rows: [Int], record: TensorRecord)? {
    if case .replaceRows(let rows, let record) = action { (rows, record) } else { nil }
  }
}
