import Formats
import Inspect

/// What `tenon check` prints for people: the findings, the lists of the load folded by
/// pattern, and the sum.
enum CheckText {
  static func report(_ report: CheckReport, tensors: Int) -> String {
    var text = report.findings.map(finding).joined()
    let load = report.load
    text += list("missing", load.missing) + list("unexpected", load.unexpected)
    text += list(
      "of another shape", load.mismatched.map(\.name),
      detail: Dictionary(
        load.mismatched.map { (ExactName($0.name), "\($0.found), expected \($0.expected)") },
        uniquingKeysWith: { first, _ in first }))
    if !text.isEmpty { text += "\n" }
    if let placement = report.placement { text += line(placement) }
    return text + summary(report, tensors: tensors)
  }

  /// The fates of an adapter's tensors, of those that there are.
  private static func line(_ placement: AdapterPlacement) -> String {
    let words: [(AdapterPlacement.Fate, String)] = [
      (.update, "for \(DiffText.count(placement.moduleCount, "module"))"),
      (.shared, "shared by all modules"), (.replacement, "in place of the base's"),
      (.copy, "copies that nothing reads"), (.unplaced, "without a place"),
    ]
    let parts = words.filter { placement.count($0.0) > 0 }
      .map { "\(placement.count($0.0)) \($0.1)" }
    return parts.isEmpty ? "" : "tensors: \(parts.joined(separator: ", "))\n"
  }

  private static func finding(_ finding: Finding) -> String {
    var text = "\(finding.severity.rawValue): \(finding.message) [\(finding.code.rawValue)]\n"
    if let fix = finding.fix { text += "  try: \(fix)\n" }
    return text
  }

  private static let maximumLineCount = 20

  /// Names by pattern under a heading; those with different details apart.
  private static func list(
    _ heading: String, _ names: [String], detail: [ExactName: String] = [:]
  ) -> String {
    guard !names.isEmpty else { return "" }
    let kinds = DiffText.ordered(names.map { detail[ExactName($0)] ?? "" })
    let rows = kinds.flatMap { kind in
      FoldedKeys.fold(names.filter { (detail[ExactName($0)] ?? "") == kind }).map { folded in
        [
          folded.pattern.description.printable, folded.count > 1 ? "×\(folded.count)" : "", kind,
        ]
      }
    }
    var shown = Array(rows.prefix(maximumLineCount))
    if rows.count > shown.count {
      shown.append(["… and \(rows.count - shown.count) more patterns"])
    }
    return "\n\(heading): \(DiffText.count(names.count, "key"))\n" + columns(shown, indent: "  ")
  }

  private static func summary(_ report: CheckReport, tensors: Int) -> String {
    let counts = [Finding.Severity.error, .warning, .note].map { severity in
      (severity, report.findings.count { $0.severity == severity })
    }.filter { $0.1 > 0 }
    let size = DiffText.count(tensors, "tensor")
    guard !counts.isEmpty else { return "\(report.path.printable): \(size), nothing wrong\n" }
    let found = counts.map { DiffText.count($0.1, $0.0.rawValue) }.joined(separator: ", ")
    return "\(report.path.printable): \(size), \(found)\n"
  }
}
