import Compute
import Formats

/// What the comparison of one merged tensor with its candidates has shown so far.
struct VerificationOutcome: Sendable {
  let candidates: VerificationCandidates
  /// The distance from the nearest candidate.
  private(set) var nearest = BlockDistance()
  private var isCompared = false
  /// The arithmetics that give exactly this tensor.
  private var equal: Set<Arithmetic> = []

  init(_ candidates: VerificationCandidates) { self.candidates = candidates }

  var isTarget: Bool { candidates.isTarget }
  var isEqual: Bool { !equal.isEmpty }

  mutating func add(_ distance: BlockDistance, by arithmetic: Arithmetic) {
    guard !distance.isImpossible else { return }
    if distance.differing == 0 { equal.insert(arithmetic) }
    if !isCompared || distance.differing < nearest.differing { nearest = distance }
    isCompared = true
  }

  /// Whether these numerics give the tensor, as far as was tried.
  func isEqual(to numerics: Numerics) -> Bool {
    isEqual && candidates.isSameInBoth || equal.contains { $0.numerics == numerics }
  }

  var numerics: RecognisedNumerics? {
    RecognisedNumerics(exact: isEqual(to: .exact), peft: isEqual(to: .peft))
  }
}

extension MergeVerification {
  /// What all comparisons together say.
  func report(_ outcomes: [VerificationOutcome]) -> VerificationReport {
    var report = VerificationReport(
      targets: [], changes: changes, untouched: 0, converted: 0, numerics: nil,
      findings: findings)
    for outcome in outcomes {
      let tensor = outcome.candidates.first
      if outcome.isTarget {
        report.targets.append(Self.target(outcome))
      } else if outcome.isEqual {
        report.untouched += 1
        if case .cast = tensor.expected.operation { report.converted += 1 }
      } else {
        report.changes.append(
          .init(
            name: tensor.merged.name, reason: .values, expected: .init(tensor.expected),
            found: .init(tensor.merged), differing: outcome.nearest.differing))
      }
    }
    report.targets += unmatched.map { planned in
      VerificationReport.Target(
        target: Self.module(planned.name), tensor: planned.name, type: planned.type,
        elementCount: planned.shape.reduce(1, *), differing: nil, distance: .init(), isBase: false)
    }
    if unmatched.isEmpty {
      let targets = outcomes.filter(\.isTarget)
      report.numerics = RecognisedNumerics(
        exact: targets.allSatisfy { $0.isEqual(to: .exact) },
        peft: targets.allSatisfy { $0.isEqual(to: .peft) })
    }
    return report
  }

  private static func target(_ outcome: VerificationOutcome) -> VerificationReport.Target {
    let merged = outcome.candidates.merged
    return VerificationReport.Target(
      target: module(merged.name), tensor: merged.name, type: merged.type,
      elementCount: merged.elementCount, differing: outcome.nearest.differing,
      distance: outcome.nearest.distance, isBase: outcome.nearest.isBase,
      isDoubledByPEFT: outcome.candidates.first.isDoubledByPEFT, numerics: outcome.numerics)
  }

  private static func module(_ tensor: String) -> String {
    let suffix = ".weight"
    return tensor.hasSuffix(suffix) ? String(tensor.dropLast(suffix.count)) : tensor
  }
}
