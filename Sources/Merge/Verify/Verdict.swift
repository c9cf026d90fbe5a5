import Compute
import Formats

/// What a merged tensor is to the one that the adapters make.
public enum Verdict: String, Sendable, Hashable, CaseIterable {
  /// The same, bit for bit.
  case equal
  /// The same change, rounded in another way.
  case rounding
  /// Twice the change, where PEFT makes it twice.
  case twice
  /// The base: nothing was merged.
  case base
  /// Something else.
  case other
}

extension VerificationReport.Target {
  public var verdict: Verdict {
    if differing == 0 { return .equal }
    if isBase { return .base }
    if isDoubledByPEFT, let scale = scaleOfChange, abs(scale - 2) <= Self.scaleSpread * 2 {
      return .twice
    }
    guard differing != nil, let limits = Limits(type.element), isSameChange, !isScaled,
      distance.maximumTermUlp <= limits.termUlp,
      (distance.relativeError ?? .infinity) <= limits.relativeError
    else { return .other }
    return .rounding
  }

  /// Whether it is what it has to be, but for so many units in the last place of the
  /// terms.
  public func isEqual(tolerance: Double) -> Bool {
    if differing == 0 { return true }
    return tolerance > 0 && differing != nil && !isBase && isSameChange && !isScaled
      && distance.maximumTermUlp <= tolerance
  }

  /// What the change is the expected one times; nil where it is of another kind.
  var scaleOfChange: Double? {
    guard let cosine = distance.cosine, abs(cosine) > Self.sameDirection else { return nil }
    return distance.share
  }

  /// The cosine from which on two changes count as one times a number, and how far such
  /// numbers may be apart. Rounding takes its part of both.
  private static let sameDirection = 0.9
  static let scaleSpread = 0.1

  /// Whether the change as a whole is the expected one. Where most of it is lost to
  /// rounding, elements alone cannot tell: each is within a unit of any other change.
  private var isSameChange: Bool { (distance.relativeError ?? .infinity) <= Self.sameChange }

  private static let sameChange = 0.25

  /// Whether it is the expected change times a number that is not one.
  private var isScaled: Bool { distance.isScaled(differing: differing ?? elementCount) }

  /// How far another arithmetic may lead.
  private struct Limits {
    /// Factors rounded to the type of the model, products of lower precision.
    let termUlp: Double
    let relativeError: Double

    init?(_ type: ElementType?) {
      switch type {
      // Products in TF32 or half precision are as far off as that, a lower type is not.
      case .f32: (termUlp, relativeError) = (65_536, 0.01)
      // Products of float32 precision and less in the finer units of float64.
      case .f64: (termUlp, relativeError) = (65_536 * 0x1p29, 0.01)
      case nil: return nil
      default: (termUlp, relativeError) = (16, VerificationReport.Target.sameChange)
      }
    }
  }
}

extension ResultDistance {
  /// Whether the change is the expected one times a number that no rounding of elements
  /// makes: what they err has no direction, so that its part in the number falls with the
  /// root of the count of those that differ.
  func isScaled(differing count: Int) -> Bool {
    guard let share, let relativeError, count > 0 else { return false }
    let apart = abs(share - 1)
    let noise = max(0, relativeError * relativeError - apart * apart).squareRoot()
    return apart > max(Self.roundedScale, Self.deviations * noise / Double(count).squareRoot())
  }

  /// A scale that is itself rounded to BF16 is half as far off, and so is the whole of small
  /// updates that are rounded twice.
  private static var roundedScale: Double { 0x1p-7 }
  private static var deviations: Double { 6 }
}
