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
  var holdsBase = false
  /// How the path of a module is found in a base.
  var naming = Naming.path
  /// Whether the factors are held as `[in, r]` and `[r, out]`.
  var hasTransposedFactors = false
  /// Reads the `adapter_config.json` that lies beside such a file.
  var configuration = peftConfiguration
  /// Keys of files in the wild, with the tensor of the base that each acts on.
  let examples: [Example]

  /// Whether PEFT writes such files, and loads them by their names.
  var isPEFT: Bool { kind == .peftAdapter || kind == .llavaAdapter }

  enum MissingAlpha {
    /// Has to be asked for.
    case unknown
    /// Equal to the rank, so that the scale is 1.
    case rank
  }

  enum Naming: Sendable {
    /// The key holds the path as the base has it.
    case path
    /// The key holds what has to be looked up among the names of the base.
    case pipeline(PipelineModules.Style)
  }

  struct Example: Sendable {
    let key: String
    /// The name of the tensor of the base.
    let base: String
    /// Which of several equal parts of its rows, where it is one.
    var part: Int?

    init(_ key: String, _ base: String, part: Int? = nil) {
      self.key = key
      self.base = base
      self.part = part
    }
  }

  static func recognised(_ survey: AdapterSurvey) -> AdapterFamily? {
    table.first { $0.recognises(survey) }
  }

  /// How adapters of a kind are named; as PEFT does it where it is none.
  static func naming(of kind: CheckpointKind) -> Naming {
    table.first { $0.kind == kind }?.naming ?? .path
  }

  static let peft: @Sendable (String, String?) -> AdapterKey? = { key, family in
    AdapterKey(peft: key, family: family)
  }

  static let peftConfiguration: @Sendable (String) throws(CheckpointError) -> AdapterConfiguration =
    { path throws(CheckpointError) in try AdapterConfiguration(path: path) }
}
