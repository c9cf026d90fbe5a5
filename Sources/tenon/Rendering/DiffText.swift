import Compute
import Formats
import Inspect
import Merge

/// What `tenon diff` prints for people: what is only in one, then what differs, the
/// worst first, each with one line for tensors that differ only in numbers.
enum DiffText {
  static func report(_ difference: CheckpointDifference, _ a: Checkpoint, _ b: Checkpoint)
    -> String
  {
    var parts: [String] = []
    for (side, path, records) in [
      ("A", a.path, difference.onlyInA), ("B", b.path, difference.onlyInB),
    ] where !records.isEmpty {
      parts.append(
        "only in \(side) (\(path.printable)): \(count(records.count, "tensor"))\n" + groups(records)
      )
    }
    let headers = difference.different.filter { $0.reason != .values && !hasOtherValues($0) }
    if !headers.isEmpty { parts.append(headerTable(headers)) }
    let values = difference.different.filter(hasOtherValues)
    if !values.isEmpty { parts.append(ValueTable(values).text) }
    if !difference.moved.isEmpty { parts.append(moves(difference.moved, a, b)) }
    parts.append(summary(difference))
    return parts.joined(separator: "\n")
  }

  private static func hasOtherValues(_ tensor: TensorDifference) -> Bool {
    (tensor.values?.differing ?? 0) > 0
  }

  static func count(_ count: Int, _ noun: String) -> String {
    "\(readable(count: count)) \(noun)\(count == 1 ? "" : "s")"
  }

  private static func groups(_ records: [TensorRecord]) -> String {
    columns(
      TensorGroup.fold(records).map { group in
        [
          group.pattern.description.printable, group.count > 1 ? "×\(group.count)" : "",
          group.type.name, "\(group.shape)",
        ]
      }, indent: "  ")
  }

  private static func sameness(of values: ValueDifference) -> String {
    (values.comparison?.maximumAbsolute ?? 0) == 0 ? "same values" : "same within the tolerance"
  }

  /// Other shapes, and other types with the same values.
  private static func headerTable(_ tensors: [TensorDifference]) -> String {
    struct Kind: Hashable {
      let reason: TensorDifference.Reason
      let cells: [String]
    }
    let kinds = tensors.map { tensor in
      Kind(
        reason: tensor.reason,
        cells: [
          "\(tensor.a.type.name) \(tensor.a.shape)", "→",
          "\(tensor.b.type.name) \(tensor.b.shape)",
          tensor.reason == .dtype ? tensor.values.map { sameness(of: $0) } ?? "" : "",
        ])
    }
    var rows: [[String]] = []
    for kind in ordered(kinds).sorted(by: { $0.reason == .shape && $1.reason != .shape }) {
      let names = zip(tensors, kinds).filter { $1 == kind }.map(\.0.name)
      rows += FoldedKeys.fold(names).map { folded in
        [
          folded.pattern.description.printable, folded.count > 1 ? "×\(folded.count)" : "",
        ] + kind.cells
      }
    }
    let shapes = tensors.count { $0.reason == .shape }
    let words =
      shapes == tensors.count ? "other shapes" : shapes == 0 ? "other types" : "other headers"
    return "\(words): \(count(tensors.count, "tensor"))\n" + columns(rows, indent: "  ")
  }

  private static let maximumMoveCount = 20

  /// Names of A, and what B calls the same bytes; those that differ only in numbers are
  /// one line.
  private static func moves(
    _ moves: [CheckpointDifference.Move], _ a: Checkpoint, _ b: Checkpoint
  ) -> String {
    let patterns = RenamePattern.fold(moves.map { Renaming.Change(from: $0.a, to: $0.b) })
    var rows = [["in A (\(a.path.printable))", "", "in B (\(b.path.printable))"]]
    rows += patterns.prefix(maximumMoveCount).map { pattern in
      [
        pattern.from.printable, "=", pattern.to.printable,
        pattern.count > 1 ? "×\(pattern.count)" : "",
      ]
    }
    let rest = patterns.count - maximumMoveCount
    if rest > 0 { rows.append(["… and \(rest) more patterns"]) }
    return "the same bytes under another name: \(count(moves.count, "pair"))\n"
      + columns(rows, indent: "  ")
  }

  private static func summary(_ difference: CheckpointDifference) -> String {
    let what = difference.hasValues ? "" : " in type and shape (values were not read)"
    guard !difference.isSame else {
      return "the same: \(count(difference.equal, "tensor"))\(what)\n"
    }
    var parts: [String] = []
    let only = difference.onlyInA.count + difference.onlyInB.count
    if only > 0 { parts.append("\(readable(count: only)) in one alone") }
    if !difference.different.isEmpty {
      parts.append("\(readable(count: difference.different.count)) different")
    }
    parts.append("\(readable(count: difference.equal)) equal\(what)")
    return parts.joined(separator: ", ") + "\n"
  }

  /// The different values in order of first appearance.
  static func ordered<Value: Hashable>(_ values: [Value]) -> [Value] {
    var seen = Set<Value>()
    return values.filter { seen.insert($0).inserted }
  }
}
