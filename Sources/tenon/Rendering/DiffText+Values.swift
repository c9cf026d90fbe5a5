import Compute
import Formats
import Inspect
import Merge

extension DiffText {
  /// The tensors with other values, the worst first: those that changed most for
  /// their size.
  struct ValueTable {
    private let tensors: [TensorDifference]

    init(_ tensors: [TensorDifference]) { self.tensors = tensors }

    private static let head = [
      "tensor", "", "type", "change", "max abs", "max rel", "differing", "cosine",
    ]
    /// The number of single tensors that are named where there are many.
    private static let worstCount = 3

    var text: String {
      let groups = self.groups.sorted { Self.change($0) > Self.change($1) }
      var rows = [Self.head]
      for group in groups { rows.append(Self.row(Self.label(group), group)) }
      if groups.contains(where: { $0.count > 1 }) {
        let worst = tensors.sorted { Self.change([$0]) > Self.change([$1]) }
        rows.append(["worst"])
        for tensor in worst.prefix(Self.worstCount) {
          rows.append(Self.row(["  " + tensor.name.printable, ""], [tensor]))
        }
      }
      return "other values: \(DiffText.count(tensors.count, "tensor"))\n"
        + columns(rows, indent: "  ", rightAligned: [3, 4, 5, 6])
    }

    /// Tensors of the same types whose names differ only in numbers.
    private var groups: [[TensorDifference]] {
      let kinds = tensors.map { "\($0.a.type.name) \($0.b.type.name)" }
      return DiffText.ordered(kinds).flatMap { kind in
        let members = zip(tensors, kinds).filter { $1 == kind }.map(\.0)
        let byName = Dictionary(
          members.map { (ExactName($0.name), $0) }, uniquingKeysWith: { first, _ in first })
        return FoldedKeys.fold(members.map(\.name)).map {
          $0.keys.compactMap { byName[ExactName($0)] }
        }
      }
    }

    /// ‖a − b‖ / ‖a‖ of the worst of some tensors; what is no number comes first.
    private static func change(_ tensors: [TensorDifference]) -> Double {
      tensors.map { tensor in
        guard let comparison = tensor.values?.comparison, comparison.incomparable == 0 else {
          return .infinity
        }
        return comparison.relativeNorm ?? .infinity
      }.max() ?? 0
    }

    private static func label(_ group: [TensorDifference]) -> [String] {
      let folded = FoldedKeys.fold(group.map(\.name))
      return [
        folded.map { $0.pattern.description.printable }.joined(separator: ", "),
        group.count > 1 ? "×\(group.count)" : "",
      ]
    }

    private static func row(_ label: [String], _ group: [TensorDifference]) -> [String] {
      let comparisons = group.compactMap { $0.values?.comparison }
      let types =
        group[0].a.type == group[0].b.type
        ? group[0].a.type.name : "\(group[0].a.type.name) → \(group[0].b.type.name)"
      let differing = group.reduce(0) { $0 + ($1.values?.differing ?? 0) }
      let total = group.reduce(0) { $0 + ($1.values?.count ?? 0) }
      let change = comparisons.compactMap(\.relativeNorm).max()
      return label + [
        types,
        change.map { significant($0, 3) } ?? "",
        comparisons.map(\.maximumAbsolute).max().map { significant($0, 3) } ?? "",
        comparisons.map(\.maximumRelative).max().map { significant($0, 3) } ?? "",
        "\(readable(count: differing)) of \(readable(count: total))",
        (comparisons.compactMap(\.cosine).min().map { fixed($0, 6) } ?? "")
          + incomparable(comparisons),
      ]
    }

    private static func incomparable(_ comparisons: [ValueComparison]) -> String {
      let count = comparisons.reduce(0) { $0 + $1.incomparable }
      return count == 0 ? "" : "  \(readable(count: count)) with NaN or infinity"
    }
  }
}
