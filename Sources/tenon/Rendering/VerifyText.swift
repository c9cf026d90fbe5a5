import Compute
import Formats
import Inspect
import Merge

/// What `tenon verify` prints for people: the targets that are not as expected, what
/// else changed, and what it comes to.
enum VerifyText {
  static func report(_ report: VerificationReport, tolerance: Double) -> String {
    let targets = report.targets.filter { $0.verdict != .equal }
    var parts: [String] = []
    if !targets.isEmpty { parts.append(table(targets)) }
    if !report.changes.isEmpty { parts.append(changes(report.changes)) }
    parts.append(summary(report))
    return parts.joined(separator: "\n") + conclusion(report, tolerance) + "\n"
  }

  /// One line for targets that differ only in the numbers of their names.
  private static func table(_ targets: [VerificationReport.Target]) -> String {
    var rows: [[String]] = []
    for verdict in Verdict.allCases {
      let members = targets.filter { $0.verdict == verdict }
      let byName = Dictionary(members.map { ($0.target, $0) }) { first, _ in first }
      for group in FoldedKeys.fold(members.map(\.target)) {
        let targets = group.keys.compactMap { byName[$0] }
        rows.append([
          group.pattern.description.printable, group.count > 1 ? "×\(group.count)" : "",
          words[verdict] ?? "", differing(targets),
          targets.map(\.distance.maximumUlp).max().map(ulps) ?? "",
          range(targets.compactMap(\.distance.share)),
        ])
      }
    }
    let header = ["target", "", "", "differing", "at most", "update"]
    return columns([header] + NaturalOrder.sorted(rows) { $0[0] })
  }

  private static let words: [Verdict: String] = [
    .equal: "equal", .rounding: "rounded otherwise", .twice: "added twice", .base: "not merged",
    .other: "not the same",
  ]

  private static func differing(_ targets: [VerificationReport.Target]) -> String {
    let compared = targets.filter { $0.differing != nil }
    guard !compared.isEmpty else { return "" }
    let differing = compared.reduce(0) { $0 + ($1.differing ?? 0) }
    let count = compared.reduce(0) { $0 + $1.elementCount }
    return "\(readable(count: differing)) of \(readable(count: count))"
  }

  private static func ulps(_ count: Int) -> String {
    count == .max ? "NaN" : "\(readable(count: count)) ulp"
  }

  /// How often the found update holds the expected one.
  private static func range(_ shares: [Double]) -> String {
    guard let low = shares.min(), let high = shares.max() else { return "" }
    let (first, last) = (fixed(low, 3), fixed(high, 3))
    return first == last ? "\(first) ×" : "\(first) to \(last) ×"
  }

  private static func changes(_ changes: [VerificationReport.Change]) -> String {
    let shown = changes.prefix(maximumChangeCount)
    var rows = shown.map { [$0.name.printable, what($0)] }
    if changes.count > shown.count { rows.append(["… and \(changes.count - shown.count) more"]) }
    return "changed beside the targets: \(counted(changes.count, "tensor"))\n"
      + columns(rows, indent: "  ")
  }

  private static let maximumChangeCount = 40

  private static func what(_ change: VerificationReport.Change) -> String {
    switch (change.reason, change.expected, change.found) {
    case (.shape, let expected?, let found?):
      "has shape \(found.shape); expected \(expected.shape)"
    case (.dtype, let expected?, let found?):
      "is \(found.type.name); expected \(expected.type.name)"
    case (.values, _, _):
      "has \(counted(change.differing ?? 0, "element")) that \(change.differing == 1 ? "is" : "are") not the base's"
    case (.extra, _, _): "is not in the base"
    default: "is missing"
    }
  }

  private static func summary(_ report: VerificationReport) -> String {
    var untouched = "\(counted(report.untouched, "tensor")) as in the base"
    if report.converted > 0 {
      untouched += ", \(readable(count: report.converted)) of them in another type"
    }
    return columns([["targets", targets(report)], ["others", untouched]])
  }

  private static func targets(_ report: VerificationReport) -> String {
    let counts = Verdict.allCases.compactMap { verdict -> String? in
      let count = report.targets.count { $0.verdict == verdict }
      guard count > 0 else { return nil }
      return "\(readable(count: count)) \(words[verdict] ?? "")"
    }
    return "\(counted(report.targets.count, "tensor")): \(counts.joined(separator: ", "))"
  }

  private static func conclusion(_ report: VerificationReport, _ tolerance: Double) -> String {
    switch report.conclusion(tolerance: tolerance) {
    case .equal:
      "equal: base + scale · B·A, bit for bit\(numerics(report.numerics))"
    case .withinTolerance:
      "equal within \(plain(tolerance)) ulp of the terms"
    case .otherRounding: otherRounding(report)
    case .nothingMerged: "not equal: nothing was merged; every target is the base's"
    case .partlyMerged: partlyMerged(report)
    case .wrongBase:
      "not equal: no tensor is that of the base, not even where the adapter changes nothing; "
        + "another base?"
    case .addedTwice:
      "not equal: PEFT adds the update of the output of a fused attention twice, and so it was done "
        + "here; the rest is as expected"
    case .otherScale:
      "not equal: the update is \(significant(report.commonScale ?? 0, 3)) times the adapter's; "
        + "another weight or lora_alpha?"
    case .changedFurther: changedFurther(report)
    case .otherTensors: "not equal: the targets are merged as expected, but other tensors changed"
    case .different: "not equal: this is not the merge of base and adapter"
    }
  }

  private static func numerics(_ numerics: RecognisedNumerics?) -> String {
    switch numerics {
    case .both: ", with the numerics exact and peft alike"
    case .exact: ", with the numerics exact"
    case .peft: ", with the numerics peft"
    case nil: ""
    }
  }

  private static func partlyMerged(_ report: VerificationReport) -> String {
    let count = report.targets.count { $0.verdict == .base }
    return "not equal: \(readable(count: count)) of \(counted(report.targets.count, "target")) "
      + "\(count == 1 ? "is" : "are") the base's, not merged"
  }

  private static func changedFurther(_ report: VerificationReport) -> String {
    let others =
      report.changes.isEmpty ? "" : ", and \(counted(report.changes.count, "other tensor")) changed"
    return "not equal: the targets have the adapter's update, and more than rounding beside "
      + "it\(others): trained further, or on another base?"
  }

  private static func otherRounding(_ report: VerificationReport) -> String {
    let differing = report.targets.reduce(0) { $0 + ($1.differing ?? 0) }
    let count = report.targets.reduce(0) { $0 + $1.elementCount }
    let distance = report.targets.map(\.distance.maximumTermUlp).max() ?? 0
    let limit = Int(distance.rounded(.up))
    return "not equal bit for bit: the same merge by other arithmetic, in which "
      + "\(readable(count: differing)) of \(counted(count, "element")) differ, by at most "
      + "\(limit) ulp of the terms (--ulp \(limit) takes it as equal)"
  }
}
