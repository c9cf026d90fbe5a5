import Formats

/// A way of naming the tensors of an adapter: one row of a table.
///
/// Adding a family is adding a row.
struct AdapterFamily: Sendable {
  let kind: CheckpointKind
  /// Whether a checkpoint of which this is known belongs to the family; the first
  /// row of the table that says so wins.
  let recognises: @Sendable (AdapterSurvey) -> Bool
  /// Takes a key apart; nil for one that the family does not know. The second
  /// argument is the method that the configuration names.
  let parse: @Sendable (String, String?) -> AdapterKey?
  /// The alpha of a module for which no file says it.
  let missingAlpha: MissingAlpha
  /// Whether tensors without a leaf belong to the base that lies in the same file,
  /// rather than being replacements for tensors of another.
  let holdsBase: Bool

  enum MissingAlpha {
    /// Has to be asked for.
    case unknown
    /// Equal to the rank, so that the scale is 1.
    case rank
  }

  static func recognised(_ survey: AdapterSurvey) -> AdapterFamily? {
    table.first { $0.recognises(survey) }
  }

  static let table = [
    // First, as the states of a training lie beside the configuration of its adapter.
    AdapterFamily(
      kind: .wrappedCheckpoint, recognises: \.holdsBase,
      parse: peft, missingAlpha: .unknown, holdsBase: true),
    AdapterFamily(
      kind: .llavaAdapter, recognises: { $0.hasNonLoraTrainables && $0.leafCount > 0 },
      parse: peft, missingAlpha: .unknown, holdsBase: false),
    AdapterFamily(
      kind: .kohyaAdapter, recognises: { $0.kohyaCount > 0 && $0.kohyaCount * 2 > $0.count },
      parse: { key, _ in AdapterKey(kohya: key) }, missingAlpha: .rank, holdsBase: false),
    AdapterFamily(
      kind: .diffusersAdapter, recognises: { $0.diffusersCount > 0 && !$0.hasConfiguration },
      parse: peft, missingAlpha: .rank, holdsBase: false),
    AdapterFamily(
      kind: .peftAdapter, recognises: { $0.leafCount > 0 || $0.hasConfiguration },
      parse: peft, missingAlpha: .unknown, holdsBase: false),
  ]

  private static let peft: @Sendable (String, String?) -> AdapterKey? = { key, family in
    AdapterKey(peft: key, family: family)
  }
}
