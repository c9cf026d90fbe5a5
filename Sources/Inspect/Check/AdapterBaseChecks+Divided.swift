import Formats

extension AdapterBaseChecks {
  /// Modules that the base holds as several tensors.
  func indivisible() -> [Finding] {
    let modules = matching.indivisible
    guard !modules.isEmpty else { return [] }
    return [
      Finding(
        .error, .unmergeable, tensors: modules.flatMap { $0.tensors.map(\.record.name) },
        matching.indivisibleMessage)
    ]
  }
}
