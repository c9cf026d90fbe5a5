import Formats

/// A module that was put into a list of one: `lm_head.0.weight` for `lm_head.weight`.
extension LoadDiagnosis {
  /// The renaming that takes such a number away, where it gives every missing key its
  /// tensor and nothing else could be it.
  func withoutNumber() -> InferredRenaming? {
    guard load.missing.count == load.unexpected.count, load.missing.count <= Self.maximumCount
    else { return nil }
    var rules: [RenameRule] = []
    for name in load.missing {
      let found = load.unexpected.compactMap { numbered(name, as: $0) }
      guard found.count == 1 else { return nil }
      if !rules.contains(found[0]) { rules.append(found[0]) }
    }
    return InferredRenaming(inspection.checkpoint, by: rules, missing: load.missing)
  }

  /// Of more than a head it would be another layout.
  private static let maximumCount = 8

  /// The rule that takes a number out of `other` and leaves `name`; nil where that is not
  /// what sets them apart, or where the shapes do.
  private func numbered(_ name: String, as other: String) -> RenameRule? {
    let (segments, longer) = (name.dottedSegments, other.dottedSegments)
    guard longer.count == segments.count + 1, !segments.contains(where: { Int($0) != nil }),
      let index = longer.firstIndex(where: { Int($0) != nil }), index > 0,
      longer[..<index] == segments[..<index], longer[(index + 1)...] == segments[index...],
      wantedShapes[ExactName(name)].map({ $0 == shape(other) }) ?? true
    else { return nil }
    let lead = segments[..<index].joined(separator: ".")
    return RenameRule(
      checked: "^" + RenameRule.escaped("\(lead).\(longer[index])."),
      RenameRule.escapedReplacement("\(lead)."))
  }
}
