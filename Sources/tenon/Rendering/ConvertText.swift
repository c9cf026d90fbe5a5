import Compute
import Formats
import Inspect
import Merge

/// What `tenon convert` prints for people.
enum ConvertText {
  static func report(_ report: ConversionReport, output: String, isDryRun: Bool) -> String {
    var rows: [[String]] = []
    if !report.root.isEmpty {
      rows.append(["root", report.root.joined(separator: ".").quoted])
    }
    for conversion in report.conversions {
      rows.append([
        isDryRun ? "would convert" : "converted",
        "\(counted(conversion.count, "tensor")), \(conversion.from.name) to \(conversion.to.name)"
          + (isDryRun ? "" : lost(report, conversion.from, conversion.to)),
      ])
    }
    if report.copied > 0 {
      rows.append([
        isDryRun ? "would copy" : "copied",
        "\(counted(report.copied, "tensor")) as \(report.copied == 1 ? "it is" : "they are"), "
          + readable(bytes: report.copiedBytes),
      ])
    }
    if !report.shared.isEmpty { rows.append(["shared", shared(report)]) }
    if !report.left.isEmpty { rows.append(["left out", left(report.leftPlaces)]) }
    if isDryRun { rows.append(["memory", "at most \(readable(bytes: report.memory))"]) }
    let files = report.files.count == 1 ? "" : " in \(report.files.count) files of tensors"
    rows.append([
      isDryRun ? "would write" : "wrote",
      "\(output.printable), \(readable(bytes: report.byteCount))\(files)",
    ])
    let table = losses(report)
    return table + (table.isEmpty ? "" : "\n") + columns(rows)
  }

  /// What all tensors of one conversion lost together.
  private static func lost(_ report: ConversionReport, _ from: TensorType, _ to: TensorType)
    -> String
  {
    var sum = ConversionLosses()
    for loss in report.lost where loss.from == from && loss.to == to { sum.combine(loss.losses) }
    guard sum.changed > 0 else { return "; every value is kept" }
    let special = [(sum.overflow, "overflowed"), (sum.underflow, "became zero")]
      .filter { $0.0 > 0 }.map { ", \(readable(count: $0.0)) \($0.1)" }
    return "; \(counted(sum.changed, "value")) changed" + special.joined()
  }

  private static func shared(_ report: ConversionReport) -> String {
    let names = report.shared.flatMap(\.others)
    let how =
      report.format.sharesStorages
      ? "\(names.count == 1 ? "shares" : "share") the data of another" : "noted in the metadata"
    return "\(FoldedKeys.summary(of: names, "name")) \(how)"
  }

  /// The places beside the root of which this many are named.
  private static let shownPlaces = 6

  /// What the input holds beside the tensors.
  private static func left(_ places: [ConversionReport.Place]) -> String {
    let shown = places.prefix(shownPlaces).map { place in
      let name = place.name.printable
      return place.count == 1 ? name : "\(name) (\(readable(count: place.count)) entries)"
    }
    let more = places.count - shown.count
    return shown.joined(separator: ", ") + (more > 0 ? " and \(more) more" : "")
  }

  /// One line for tensors that differ only in numbers.
  private static func losses(_ report: ConversionReport) -> String {
    guard !report.lost.isEmpty else { return "" }
    struct Kind: Hashable {
      let from: TensorType
      let to: TensorType
    }
    var order: [Kind] = []
    var members: [Kind: [ConversionReport.Loss]] = [:]
    for loss in report.lost {
      let kind = Kind(from: loss.from, to: loss.to)
      if members[kind] == nil { order.append(kind) }
      members[kind, default: []].append(loss)
    }
    var rows = [["tensor", "", "from", "to", "overflow", "underflow", "changed"]]
    for kind in order {
      let losses = members[kind] ?? []
      let byName = Dictionary(losses.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
      for group in FoldedKeys.fold(losses.map(\.name)) {
        rows.append(row(group, group.keys.compactMap { byName[$0] }, kind.from, kind.to))
      }
    }
    return columns(rows, rightAligned: [4, 5])
  }

  private static func row(
    _ group: FoldedKeys, _ losses: [ConversionReport.Loss], _ from: TensorType, _ to: TensorType
  ) -> [String] {
    var sum = ConversionLosses()
    var elements = 0
    for loss in losses {
      sum.combine(loss.losses)
      elements += loss.elementCount
    }
    let share = fixed(100 * Double(sum.changed) / Double(max(1, elements)), 1)
    return [
      group.pattern.description.printable, group.count > 1 ? "×\(group.count)" : "",
      from.name, to.name, readable(count: sum.overflow), readable(count: sum.underflow),
      "\(readable(count: sum.changed))  (\(share) %)",
    ]
  }
}
