import Compute
import Formats
import Inspect

/// What a merged tensor may be: one tensor for each arithmetic, in the order in which
/// they are tried.
struct VerificationCandidates: Sendable {
  /// The name in the plan.
  let name: String
  let merged: TensorRecord
  private(set) var all: [(arithmetic: Arithmetic, tensor: VerifiedTensor)] = []
  /// Whether both numerics give the same bits, of which only the first is tried.
  private(set) var isSameInBoth = false

  var first: VerifiedTensor { all[0].tensor }
  var isTarget: Bool { first.isTarget }

  /// `planned` are the tensors of this name by the numerics of their plan; there is
  /// one at least.
  init(
    name: String, merged: TensorRecord, base: TensorRecord?,
    planned: [(numerics: Numerics, tensor: PlannedTensor)]
  ) {
    self.name = name
    self.merged = merged
    for arithmetic in Arithmetic.allCases {
      guard let entry = planned.first(where: { $0.numerics == arithmetic.numerics }),
        let tensor = Self.tensor(entry.tensor, by: arithmetic, merged: merged, base: base)
      else { continue }
      all.append((arithmetic, tensor))
    }
    dropRepeated()
  }

  private static func tensor(
    _ planned: PlannedTensor, by arithmetic: Arithmetic, merged: TensorRecord, base: TensorRecord?
  ) -> VerifiedTensor? {
    guard var expected = planned.converted(to: merged.type) else { return nil }
    if case .update(let update) = expected.operation {
      guard let type = merged.type.element,
        let changed = arithmetic.update(update, type: type)
      else { return nil }
      expected.operation = .update(changed)
    } else if arithmetic == .peftOnConvertedBase {
      return nil
    }
    expected.name = merged.name
    return VerifiedTensor(
      expected: expected, merged: merged,
      base: planned.isTarget ? comparable(planned.beforeSteps ?? base, to: merged) : nil,
      isTarget: planned.isTarget)
  }

  /// The base's tensor where the merged one could be it.
  private static func comparable(_ base: TensorRecord?, to merged: TensorRecord) -> TensorRecord? {
    guard let base, base.shape == merged.shape, base.bytes != nil, let from = base.type.element,
      let to = merged.type.element, from.byteWidth != nil,
      from == to || (Conversion.isConvertible(from) && Conversion.isConvertible(to))
    else { return nil }
    return base
  }

  /// Leaves one candidate where all are the same.
  private mutating func dropRepeated() {
    let updates = all.compactMap { candidate in
      if case .update(let update) = candidate.tensor.expected.operation { update } else { nil }
    }
    // What one of the numerics leaves out is no update in it.
    let isPlain =
      (updates.isEmpty || updates.count == all.count)
      && updates.allSatisfy { update in
        merged.type.element.map { update.isPlain(for: $0) } ?? false
      }
    guard isPlain, let first = all.first else { return }
    isSameInBoth = all.count > 1
    all = [first]
  }
}
