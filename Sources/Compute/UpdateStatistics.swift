internal import CKernels

/// What an update did to a tensor, summed over its elements.
///
/// W is the base, D the scaled update in float32, W' the output as rounded to
/// its type. The first six digits of the sums are sound. They are the same on
/// every processor; to get the same last digits again, cut a tensor into the
/// same blocks and combine them in order.
public struct UpdateStatistics: Sendable, Equatable {
  /// Σ W².
  public var baseSquares: Double
  /// Σ D².
  public var updateSquares: Double
  /// Σ (W' − W) · D: how much of the update came through the rounding.
  public var kept: Double
  /// How many elements of the output are infinite or NaN.
  public var notFinite: Int

  public init(
    baseSquares: Double = 0, updateSquares: Double = 0, kept: Double = 0, notFinite: Int = 0
  ) {
    self.baseSquares = baseSquares
    self.updateSquares = updateSquares
    self.kept = kept
    self.notFinite = notFinite
  }

  init(_ sums: kernel_update_sums) {
    self.init(
      baseSquares: sums.base_squares, updateSquares: sums.delta_squares, kept: sums.kept,
      notFinite: Int(sums.not_finite))
  }

  /// Adds the sums of the elements that follow.
  public mutating func combine(_ next: Self) {
    baseSquares += next.baseSquares
    updateSquares += next.updateSquares
    kept += next.kept
    notFinite += next.notFinite
  }

  /// ‖D‖ / ‖W‖, or nil where the base is zero or a sum is not finite.
  public var relativeUpdate: Double? {
    ratio(updateSquares.squareRoot(), baseSquares.squareRoot())
  }

  /// The share of D that survived the rounding to the output type, or nil
  /// where there is no update or a sum is not finite.
  public var keptShare: Double? { ratio(kept, updateSquares) }
}

private func ratio(_ part: Double, _ whole: Double) -> Double? {
  let quotient = part / whole
  return quotient.isFinite ? quotient : nil
}
