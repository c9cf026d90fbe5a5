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
  /// The shapes that the model wants, where they are known.
  let wantedShapes: [ExactName: [Int]]
  /// Whether the lists are of a load of an adapter onto a model, not of a model.
  var isAdapterLoad = false

  var path: String { inspection.checkpoint.path }

  struct Result {
    var findings: [Finding] = []
    var drift: NameDrift?
  }

  func result() -> Result {
    if isAdapterLoad { return adapterLoad() }
    if let finding = adapterAsModel() {
      return Result(findings: [finding] + ploraWanted())
    }
    if let finding = wrappedAsModel() { return Result(findings: [finding] + ploraWanted()) }
    return modelLoad()
  }
}
