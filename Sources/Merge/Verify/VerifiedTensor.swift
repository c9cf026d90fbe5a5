import Compute
import Formats

/// A tensor of the merged model and what it has to be.
struct VerifiedTensor: Sendable {
  /// What the plan makes, in the type that the merged model has.
  var expected: PlannedTensor
  var merged: TensorRecord
  /// What it is before the update: the base's tensor of this name, or an adapter's in its
  /// place; nil where there is none of this shape, and where nobody asks: for tensors that
  /// the adapter does not touch.
  var base: TensorRecord?
  /// Whether the adapter changes it.
  var isTarget: Bool

  /// Whether PEFT makes its change twice.
  var isDoubledByPEFT: Bool {
    if case .update(let update) = expected.operation { update.isDoubledByPEFT } else { false }
  }

  /// How the values of the merged model differ.
  var isMeasured: Bool { merged.type.element.map(ResultDistance.isPossible) ?? false }
}

extension PlannedTensor {
  /// Whether the adapter has a part in it.
  var isTarget: Bool {
    if case .update(let update) = operation { return !update.isOfScales }
    return isReplacement
  }

  /// The tensor that is updated, where that is an adapter's in the place of the base's.
  var beforeSteps: TensorRecord? {
    guard case .update(let update) = operation, update.isReplacement else { return nil }
    return update.base
  }

  /// The same tensor in another type; nil where it cannot be converted.
  func converted(to type: TensorType) -> PlannedTensor? {
    guard type != self.type else { return self }
    guard let from = source.type.element, let to = type.element,
      Conversion.isConvertible(from), Conversion.isConvertible(to)
    else { return nil }
    var converted = self
    converted.type = type
    switch operation {
    case .copy(let record), .cast(let record):
      converted.operation = from == to ? .copy(record) : .cast(record)
    case .update(let update) where update.scales != nil || update.isOfScales: return nil
    case .update: break
    }
    return converted
  }
}
