import Compute
import Formats
import Inspect
import Merge

/// What `tenon merge` prints for people.
enum MergeText {
  static func report(_ report: MergeReport, output: String, isDryRun: Bool) -> String {
    var text = targets(report)
    var rows = [
      [
        isDryRun ? "would merge" : "merged",
        counted(report.targets.count, "tensor") + survived(report),
      ],
      [
        isDryRun ? "would copy" : "copied",
        "\(counted(report.copied, "tensor")) as \(report.copied == 1 ? "it is" : "they are"), "
          + readable(bytes: report.untouchedBytes),
      ],
    ]
    if !report.replaced.isEmpty {
      rows.append([
        isDryRun ? "would replace" : "replaced", FoldedKeys.summary(of: report.replaced, "tensor"),
      ])
    }
    if report.converted > 0 { rows.append(["converted", counted(report.converted, "tensor")]) }
    if isDryRun { rows.append(["memory", "at most \(readable(bytes: report.memory))"]) }
    let files =
      report.files.count == 1 ? "" : " in \(report.files.count) files of tensors"
    rows.append([
      isDryRun ? "would write" : "wrote",
      "\(output.printable), \(readable(bytes: report.byteCount))\(files)",
    ])
    text += (text.isEmpty ? "" : "\n") + columns(rows)
    return text
  }

  private static func survived(_ report: MergeReport) -> String {
    guard let total = report.total, let relative = total.relativeUpdate else { return "" }
    let kept = total.keptShare.map { ", \(percent($0)) of it kept by the rounding" } ?? ""
    return ", update \(significant(relative, 3)) of the weights' norm\(kept)"
  }

  /// One line for targets that differ only in the number of their layer.
  private static func targets(_ report: MergeReport) -> String {
    struct Kind: Hashable {
      let rank: Int?
      let scale: Double?
    }
    guard !report.targets.isEmpty else { return "" }
    let header = ["target", "", "rank", "scale", "relative update", "kept"]
    var rows: [[String]] = []
    for kind in ordered(report.targets.map { Kind(rank: $0.rank, scale: $0.scale) }) {
      let members = report.targets.filter { $0.rank == kind.rank && $0.scale == kind.scale }
      let byName = Dictionary(
        members.map { ($0.target, $0) }, uniquingKeysWith: { first, _ in first })
      for group in FoldedKeys.fold(members.map(\.target)) {
        let targets = group.keys.compactMap { byName[$0] }
        rows.append([
          group.pattern.description.printable, group.count > 1 ? "×\(group.count)" : "",
          kind.rank.map(String.init) ?? "", kind.scale.map(plain) ?? "",
          range(targets.compactMap(\.relativeUpdate)) { significant($0, 3) },
          range(targets.compactMap(\.kept), percent),
        ])
      }
    }
    rows = [header] + NaturalOrder.sorted(rows) { $0[0] }
    // Before the merge nothing is known of the values.
    if report.total == nil { rows = rows.map { Array($0.dropLast(2)) } }
    return columns(rows, rightAligned: [2, 3])
  }

  private static func range(_ values: [Double], _ text: (Double) -> String) -> String {
    guard let low = values.min(), let high = values.max() else { return "" }
    return text(low) == text(high) ? text(low) : "\(text(low)) to \(text(high))"
  }

  private static func percent(_ share: Double) -> String {
    "\(fixed(min(1, max(0, share)) * 100, 1)) %"
  }

  /// The different values in order of first appearance.
  private static func ordered<Value: Hashable>(_ values: [Value]) -> [Value] {
    var seen = Set<Value>()
    return values.filter { seen.insert($0).inserted }
  }
}
