import Compute
import Formats
import Inspect
import OrderedCollections

/// What `tenon inspect` prints for people.
enum InspectionText {
  /// The names alone, in natural order.
  static func keys(_ inspection: Inspection) -> String {
    let names = inspection.records.map(\.name) + inspection.absent.map(\.name)
    return NaturalOrder.sorted(names).map { $0.printable + "\n" }.joined()
  }

  /// Everything: the head, the adapter's card, the tensors, the findings.
  static func report(
    _ inspection: Inspection, tree: Bool, _ summaries: [ExactName: TensorSummary]
  ) -> String {
    var text = head(inspection)
    if let adapter = inspection.adapter { text += "\n" + AdapterText.card(adapter) }
    let table = tree ? groups(inspection) : tensors(inspection, summaries)
    if !table.isEmpty { text += "\n" + table }
    if !inspection.absent.isEmpty { text += "\n" + absent(inspection.absent) }
    if !inspection.checkpoint.others.isEmpty { text += "\n" + others(inspection) }
    if !inspection.findings.isEmpty { text += "\n" + findings(inspection.findings) }
    return text
  }

  private static func head(_ inspection: Inspection) -> String {
    var rows = [
      ["path", inspection.checkpoint.path.printable],
      ["format", format(inspection)],
      ["kind", inspection.kind.rawValue],
      ["size", size(inspection.tensorCount, inspection.parameters, inspection.byteCount)],
    ]
    for (position, total) in inspection.totals.enumerated() {
      let amount = size(total.tensors, total.parameters, total.byteCount)
      rows.append([position == 0 ? "types" : "", "\(total.type.name): \(amount)"])
    }
    for (position, entry) in inspection.checkpoint.metadata.enumerated() {
      rows.append([
        position == 0 ? "metadata" : "", "\(entry.key.printable) = \(shortened(entry.value))",
      ])
    }
    return columns(rows)
  }

  private static func size(_ tensors: Int, _ parameters: Int, _ bytes: Int) -> String {
    "\(counted(tensors, "tensor")), \(counted(parameters, "parameter")), \(readable(bytes: bytes))"
  }

  private static func format(_ inspection: Inspection) -> String {
    let checkpoint = inspection.checkpoint
    var text = checkpoint.format.rawValue
    if checkpoint.shards.count > 1 { text += ", \(checkpoint.shards.count) shards" }
    if !checkpoint.rootPath.isEmpty {
      text += ", tensors under \(checkpoint.rootPath.joined(separator: ".").quoted)"
    }
    return text
  }

  private static func tensors(
    _ inspection: Inspection, _ summaries: [ExactName: TensorSummary]
  ) -> String {
    guard summaries.isEmpty else {
      return columns(
        inspection.records.map { record in
          [record.name.printable, record.type.name, "\(record.shape)"]
            + values(summaries[ExactName(record.name)])
        })
    }
    let sorted = inspection.records
    // A span, so that no record is copied.
    let records = sorted.span
    var widths = (name: 0, type: 0)
    for position in records.indices {
      let width = records[position].name.printable.width
      if width <= maximumColumnWidth { widths.name = max(widths.name, width) }
      widths.type = max(widths.type, records[position].type.name.width)
    }
    var shapes: [[Int]: String] = [:]
    var text = ""
    for position in records.indices {
      let (name, type) = (records[position].name.printable, records[position].type.name)
      text += name
      text += String(repeating: " ", count: max(2, widths.name + 2 - name.width))
      text += type
      text += String(repeating: " ", count: widths.type + 2 - type.width)
      let shape = records[position].shape
      if let known = shapes[shape] {
        text += known
      } else {
        let new = "\(shape)\n"
        shapes[shape] = new
        text += new
      }
    }
    return text
  }

  /// The columns of `--stats` and `--hash`.
  private static func values(_ summary: TensorSummary?) -> [String] {
    var cells: [String] = []
    if let statistics = summary?.statistics {
      let text = { (value: Double?) in value.map { significant($0, 4) } ?? "-" }
      cells += [
        "min \(text(statistics.minimum))", "max \(text(statistics.maximum))",
        "mean \(text(statistics.finite > 0 ? statistics.mean : nil))",
        "std \(text(statistics.standardDeviation))", "zeros \(statistics.zeros)",
        "nan \(statistics.nan)", "inf \(statistics.infinite)",
      ]
    }
    if let sha256 = summary?.sha256 { cells.append(sha256) }
    return cells
  }

  private static func groups(_ inspection: Inspection) -> String {
    columns(
      inspection.groups.map { group in
        [
          group.pattern.description.printable, group.type.name,
          "\(group.shape)" + (group.count > 1 ? " ×\(group.count)" : ""),
        ]
      })
  }

  /// The tensors of shards that could not be read.
  private static func absent(_ tensors: [(name: String, file: String)]) -> String {
    "in shards that could not be read\n"
      + columns(tensors.map { [$0.name.printable, $0.file.printable] }, indent: "  ")
  }

  private static func others(_ inspection: Inspection) -> String {
    "beside the tensors\n"
      + columns(
        inspection.checkpoint.others.map { [$0.path.printable, $0.description.printable] },
        indent: "  ")
  }

  private static func findings(_ findings: [Finding]) -> String {
    var text = ""
    for finding in findings {
      text += "\(finding.severity.rawValue): \(finding.message) [\(finding.code.rawValue)]\n"
      if let fix = finding.fix { text += "  try: \(fix)\n" }
    }
    return text
  }

  /// Metadata can hold whole documents.
  private static func shortened(_ text: String) -> String {
    let limit = 100
    let printable = text.printable
    return printable.count <= limit ? printable : printable.prefix(limit) + "…"
  }
}
