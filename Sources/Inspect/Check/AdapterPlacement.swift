/// Where the tensors of an adapter go in its base: each is counted once.
public struct AdapterPlacement: Sendable, Hashable {
  /// What becomes of a tensor.
  public enum Fate: Sendable, Hashable {
    /// Part of the update of a module that the base has.
    case update
    /// For all modules alike, as VeRA's matrices.
    case shared
    /// Takes the place of a tensor of the base, or of some of its rows.
    case replacement
    /// A copy that nothing reads.
    case copy
    /// Has no place.
    case unplaced
  }

  /// The modules of the base that are updated.
  public let moduleCount: Int
  public let counts: [Fate: Int]

  public var tensorCount: Int { counts.values.reduce(0, +) }

  public func count(_ fate: Fate) -> Int { counts[fate] ?? 0 }
}

extension AdapterBaseChecks {
  /// The fates of all tensors.
  var placement: AdapterPlacement {
    let lost =
      matching.unmatched + matching.contested + matching.indivisible + matching.undecided
      + matching.mismatches.map(\.module)
      + (expertFault == nil ? [] : adapter.modules.filter { $0.kind == .parameter })
    let lostTargets = Set(lost.map(\.target))
    let updated = adapter.modules.filter { !lostTargets.contains($0.target) }
    let homeless = orphans.count + strayRows.count
    func count(_ modules: [AdapterModule]) -> Int { modules.reduce(0) { $0 + $1.tensors.count } }
    return AdapterPlacement(
      moduleCount: updated.count,
      counts: [
        .update: count(updated), .shared: adapter.shared.count,
        .replacement: adapter.replacements.count - homeless, .copy: adapter.frozenCopies.count,
        .unplaced: count(adapter.modules) - count(updated) + homeless + adapter.leftovers.count,
      ])
  }
}
