import Formats

/// Says why a load fails, from its lists and from what the checkpoint is: cause, proof
/// and what to type.
struct LoadDiagnosis {
  let inspection: Inspection
  let load: StrictLoad
  /// What wanted to load it: `the base models/llama`, `the model of the log`.
  let source: String
  /// The path of the base, where there is one.
  let base: String?
  /// The names that the model wants, as far as they are known.
  let wanted: KeyList
  /// A path that `remap --to-match` could take for them.
  var reference: String?
  /// The shapes that the model wants, where they are known.
  let wantedShapes: [ExactName: [Int]]
  /// Whether the lists are of a load of an adapter onto a model, not of a model.
  var isAdapterLoad = false
  /// What says whether the model ties its embeddings.
  var tie = EmbeddingTie()
  /// The type of the model, as a configuration says it.
  var modelType: String?
  /// What made the lists, as far as a log tells it.
  var loader: LoadLog.Loader?

  /// Whether the lists are those of a log.
  var isOfLog: Bool { loader != nil }

  var path: String { inspection.checkpoint.path }

  struct Result {
    var findings: [Finding] = []
    /// What mends the names.
    var renaming: InferredRenaming?

    /// The rules as expression and replacement; nil where there are none.
    var map: [(pattern: String, replacement: String)]? {
      renaming?.map?.rules.map { ($0.pattern, $0.replacement) }
    }
  }

  func result() -> Result {
    // Told already: it is no file of weights.
    if inspection.kind == .trainingState { return Result() }
    // And so is one that holds nothing.
    if inspection.checkpoint.records.isEmpty, inspection.checkpoint.absentShards.isEmpty {
      return Result()
    }
    if isAdapterLoad { return adapterLoad() }
    if let finding = unnamedMagnitudes() { return Result(findings: [finding] + mismatches()) }
    if let finding = otherFile() { return Result(findings: [finding]) }
    if let finding = adapterAsModel() {
      return Result(findings: [finding] + ploraWanted())
    }
    if let finding = trainerNamesAsModel() { return Result(findings: [finding]) }
    if let finding = wrappedAsModel() { return Result(findings: [finding] + ploraWanted()) }
    return modelLoad()
  }
}
