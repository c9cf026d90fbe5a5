import Formats
import Inspect

/// What `tenon remap` prints for people.
enum RemapText {
  static func presets(json: Bool) -> String {
    guard json else { return columns(RenamePreset.table.map { [$0.name, $0.summary] }) }
    var writer = JSONWriter()
    writer.object { writer in
      writer.integer("schema", 1)
      writer.key("presets")
      writer.array { writer in
        for preset in RenamePreset.table {
          writer.object { writer in
            writer.string("name", preset.name)
            writer.string("summary", preset.summary)
            writer.bool("needsBase", preset.needsBase)
          }
        }
      }
    }
    return String(decoding: writer.document(), as: UTF8.self)
  }

  static func report(_ report: RemapReport) -> String {
    var text = patterns(report)
    if !report.steps.isEmpty { text += (text.isEmpty ? "" : "\n") + rules(report) }
    return text + (text.isEmpty ? "" : "\n") + columns(totals(report))
  }

  private static func patterns(_ report: RemapReport) -> String {
    columns(
      report.renaming.patterns.map { pattern in
        [
          pattern.from.printable, "→ \(pattern.to.printable)",
          pattern.count > 1 ? "×\(pattern.count)" : "",
        ]
      })
  }

  /// The most rules that are listed of one step; a map has them all.
  private static let maximumRuleCount = 24

  private static func rules(_ report: RemapReport) -> String {
    report.steps.map { step in
      let used = zip(step.map.rules, step.counts).filter { $0.1 > 0 }
      let rows = used.prefix(maximumRuleCount).map { rule, count in
        ["  '\(rule.description.printable)'", "\(count)"]
      }
      let rest = used.count - rows.count
      return "\(step.source.text.printable)\n" + columns(rows, rightAligned: [1])
        + (rest > 0 ? "  … and \(rest) more rules\n" : "")
    }.joined()
  }

  private static func totals(_ report: RemapReport) -> [[String]] {
    let would = report.isDryRun || report.output == nil ? "would " : ""
    var rows =
      report.hasEffect
      ? [] : [["nothing to rename", "a mere copy is not written"]]
    rows += [
      ["\(would)rename\(would.isEmpty ? "d" : "")", names(report.renaming.renamed.count)],
      ["\(would)ke\(would.isEmpty ? "pt" : "ep")", names(report.renaming.kept.count)],
    ]
    for reason in unique(report.dropped.map(\.reason)) {
      let names = report.dropped.filter { $0.reason == reason }.map(\.name)
      rows.append(["left out", "\(FoldedKeys.summary(of: names, "tensor").printable), \(reason)"])
    }
    for change in report.projections {
      let count = change.moduleCount
      rows.append([
        "\(would)\(verb(change, isDone: would.isEmpty))",
        "\(change.from.joined(separator: ", ")) to \(change.to.joined(separator: ", "))"
          + (count == 1 ? ", 1 module" : ", \(count) modules"),
      ])
    }
    if !report.added.isEmpty {
      rows.append(["added", FoldedKeys.summary(of: report.added, "tensor").printable])
    }
    if let match = report.match {
      rows.append([
        "matched",
        "\(match.placed) of \(match.count) names to \(match.base.printable)"
          + (match.shared.isEmpty ? "" : "; \(match.shared.count) more belong to all modules"),
      ])
    }
    if let output = report.output {
      let files = report.files.count > 1 ? " in \(report.files.count) files of tensors" : ""
      rows.append([
        would.isEmpty ? "wrote" : "would write",
        "\(output.printable), \(readable(bytes: report.byteCount))\(files)",
      ])
    }
    return rows
  }

  private static func verb(_ change: ProjectionChange, isDone: Bool) -> String {
    if change.isSplit { return "split" }
    return (change.isReordering ? "reorder" : "fuse")
      + (isDone ? change.isReordering ? "ed" : "d" : "")
  }

  private static func names(_ count: Int) -> String { count == 1 ? "1 name" : "\(count) names" }

  private static func unique(_ texts: [String]) -> [String] {
    var seen = Set<String>()
    return texts.filter { seen.insert($0).inserted }
  }
}
