public import Formats

/// What the base has under the adapter's own name stays, and no two become one. The base
/// has all names of `tied`, though its file may hold one alone.
extension Adapter {
  /// The adapter with the names of the base's files where it has those of another layout of
  /// transformers, those of the loaded model, or those of a class with a head, or without;
  /// and a finding that says so. The adapter as it is where nothing differs.
  public func relaid(onto base: Checkpoint, tied: TiedWeights?) -> (
    adapter: Adapter, finding: Finding?
  ) {
    guard kind == .peftAdapter else { return (self, nil) }
    let names = FileNames(base, tied: tied)
    let missing = with(
      modules: modules.filter { !names.hasModule($0.target) },
      replacements: replacements.filter { !names.hasTensor($0.target) })
    guard !missing.modules.isEmpty || !missing.replacements.isEmpty else { return (self, nil) }
    let places = FilePlaces(base, names)
    var renamed = places.names(for: missing)
    let prefix = places.prefix(of: missing, besides: renamed)
    if let prefix { renamed.merge(prefix.names) { own, _ in own } }
    let targets = modules.map(\.target) + replacements.map(\.target)
    let taken = Set(targets.filter { renamed[$0] == nil })
    guard !renamed.isEmpty, taken.isDisjoint(with: renamed.values),
      Set(renamed.values).count == renamed.count
    else { return (self, nil) }
    let old = FoldedKeys.summary(of: renamed.keys.sorted(), "name")
    let reason =
      prefix.map { " \($0.reason)" }
      ?? " in one layout of transformers and the base in the other (\(places.reason(renamed)))"
    return (
      named { renamed[$0] ?? $0 },
      Finding(
        .note, .prefixDrift,
        "the adapter has \(old)\(reason): they are taken for "
          + Wording.folded(renamed.values.sorted()))
    )
  }
}
