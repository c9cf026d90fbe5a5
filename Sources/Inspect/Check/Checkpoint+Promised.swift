import Formats

extension Checkpoint {
  /// The tensors that an index names and that were not found: those of shards that could not
  /// be read, and those that are in another file than it says.
  var promised: Set<ExactName> {
    let faults = findings.filter { $0.code == .indexMismatch && $0.severity == .error }
    let names = absentShards.flatMap(\.tensors) + faults.flatMap(\.tensors)
    return Set(names.map(ExactName.init)).subtracting(records.map { ExactName($0.name) })
  }
}
