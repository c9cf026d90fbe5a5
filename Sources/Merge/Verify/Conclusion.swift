import Compute

/// What a verification comes to, in one word.
public enum VerificationConclusion: String, Sendable, Hashable, CaseIterable {
  case equal
  /// Equal but for what the tolerance allows.
  case withinTolerance = "within-tolerance"
  /// Every target has the expected change, rounded in another way.
  case otherRounding = "other-rounding"
  /// Every target is the base's.
  case nothingMerged = "nothing-merged"
  /// Some targets are the base's.
  case partlyMerged = "partly-merged"
  /// Nothing of the merged model is the base's, what no adapter changes neither.
  case wrongBase = "wrong-base"
  /// As expected but for the targets to which PEFT adds twice, which have twice the change.
  case addedTwice = "added-twice"
  /// Every target has the expected change times one number.
  case otherScale = "other-scale"
  /// Every target has the expected change once, and more than rounding beside it.
  case changedFurther = "changed-further"
  /// The targets are as expected but for their rounding, other tensors are not.
  case otherTensors = "other-tensors"
  case different
}

extension VerificationReport {
  public func conclusion(tolerance: Double = 0) -> VerificationConclusion {
    let verdicts = targets.map(\.verdict)
    if isEqual(tolerance: tolerance) {
      return verdicts.allSatisfy { $0 == .equal } ? .equal : .withinTolerance
    }
    if targets.allSatisfy(\.isBase) && verdicts.contains(.base) { return .nothingMerged }
    if verdicts.contains(.base) { return .partlyMerged }
    if verdicts.contains(.twice) && !verdicts.contains(.other) && changes.isEmpty {
      return .addedTwice
    }
    if verdicts.allSatisfy({ $0 != .other && $0 != .twice }) {
      if isScaled && commonScale != nil { return .otherScale }
      return changes.isEmpty ? .otherRounding : .otherTensors
    }
    if isOfAnotherBase { return .wrongBase }
    guard let commonScale else { return .different }
    return abs(commonScale - 1) < Self.scaleAsShown || !isScaled ? .changedFurther : .otherScale
  }

  /// A scale nearer to one than this is shown as one.
  private static let scaleAsShown = 0.005

  private var isOfAnotherBase: Bool {
    untouched == 0 && changes.count { $0.reason == .values } > 1
  }

  /// Whether all targets together are the expected change times a number, even where each
  /// by itself is too small to tell.
  private var isScaled: Bool {
    whole.isScaled(differing: targets.reduce(0) { $0 + ($1.differing ?? $1.elementCount) })
  }

  private var whole: ResultDistance {
    targets.reduce(into: ResultDistance()) { $0.combine($1.distance) }
  }

  /// What the change of every target is the expected one times; nil where they are not
  /// changes of one kind.
  public var commonScale: Double? {
    var shares: [Double] = []
    for target in targets {
      guard let share = target.scaleOfChange else { return nil }
      shares.append(share)
    }
    guard let low = shares.min(), let high = shares.max(),
      high - low <= Target.scaleSpread * max(abs(low), abs(high))
    else { return nil }
    return whole.share
  }
}
