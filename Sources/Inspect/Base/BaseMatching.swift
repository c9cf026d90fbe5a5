public import Formats

/// Which tensor of a base each module of an adapter acts on.
///
/// Only exact names count: a renaming that would make more of them fit is
/// suggested, never applied.
public struct BaseMatching: Sendable {
  /// A module and its tensor.
  public struct Match: Sendable {
    public let module: AdapterModule
    public let base: TensorRecord
    /// The base holds the weight as `[in, out]`, so the update has to be transposed.
    public let isTransposed: Bool
  }

  /// A module whose tensor is there with a shape that does not fit.
  public struct Mismatch: Sendable {
    public let module: AdapterModule
    public let base: TensorRecord
  }

  public let adapter: Adapter
  public let basePath: String
  /// The modules that found their tensor, in the order of the adapter.
  public private(set) var matches: [Match] = []
  public private(set) var mismatches: [Mismatch] = []
  /// The modules of which the base has no tensor.
  public private(set) var unmatched: [AdapterModule] = []
  /// Modules with a square weight of which nothing tells whether it is held as
  /// `[out, in]` or `[in, out]`.
  public private(set) var undecided: [AdapterModule] = []
  /// The names in the base that end most like those of `unmatched`, in natural
  /// order and each once.
  public private(set) var nearest: [String] = []
  /// The renaming that would give each of `unmatched` a fitting tensor.
  public private(set) var suggestion: RenameSuggestion?

  public init(_ adapter: Adapter, base: Checkpoint) {
    self.adapter = adapter
    basePath = base.path
    let positions = base.positions()
    var fits: [(module: AdapterModule, base: TensorRecord, fit: ShapeFit)] = []
    for module in adapter.modules {
      guard let position = positions["\(module.target).weight"] else {
        unmatched.append(module)
        continue
      }
      let record = base.records[position]
      if let fit = ShapeFit(module, record) {
        fits.append((module, record, fit))
      } else {
        mismatches.append(Mismatch(module: module, base: record))
      }
    }
    let orientation = Orientation(
      decided: fits.map { ($0.module.target, $0.fit) }, configuration: adapter.configuration)
    for fit in fits {
      guard let isTransposed = orientation.isTransposed(fit.module.target, fit.fit) else {
        undecided.append(fit.module)
        continue
      }
      matches.append(Match(module: fit.module, base: fit.base, isTransposed: isTransposed))
    }
    if !unmatched.isEmpty {
      let search = NearestNames(base, positions: positions)
      nearest = search.nearest(to: unmatched)
      suggestion = RenameSuggestion(
        unmatched, settled: matches.map(\.module.target), in: search)
    }
  }

  /// Throws unless every module found its tensor.
  public func requireComplete() throws(CheckpointError) {
    if !unmatched.isEmpty { throw unmatchedError }
    if let first = undecided.first {
      throw CheckpointError(
        path: adapter.path, tensor: first.tensors.first?.record.name,
        "\(FoldedKeys.summary(of: undecided.map(\.target), "module")): the weight is square, and "
          + "other modules of the adapter are held both as [out, in] and as [in, out], "
          + "so that nothing tells how this one is")
    }
    guard let first = mismatches.first else { return }
    let expected = first.module.updatedShape ?? []
    let same = mismatches.filter {
      $0.base.shape == first.base.shape && $0.module.updatedShape == expected
    }
    throw CheckpointError(
      path: adapter.path,
      "\(FoldedKeys.summary(of: same.map(\.module.target), "module")): the adapter updates "
        + "\(expected), but the base has \(first.base.shape)",
      details: Self.lines(mismatches.map(\.base.name), "of other shapes in \(basePath):"))
  }

  private var unmatchedError: CheckpointError {
    let names = unmatched.flatMap { $0.tensors.map(\.record.name) }
    let all = adapter.modules.count
    var details = Self.lines(names, "unused:")
    if !nearest.isEmpty { details += Self.lines(nearest, "nearest in the base:") }
    return CheckpointError(
      path: adapter.path,
      unmatched.count == all
        ? "none of the \(all) adapted \(all == 1 ? "module" : "modules") is in the base \(basePath)"
        : "\(unmatched.count) of the \(all) adapted modules "
          + "\(unmatched.count == 1 ? "is" : "are") not in the base \(basePath)",
      details: details, fix: suggestion.map { $0.command(for: adapter.path) })
  }

  private static let maximumLineCount = 12

  /// Names grouped by pattern under a heading, not too many of them.
  private static func lines(_ names: [String], _ heading: String) -> [String] {
    let folded = FoldedKeys.fold(names).map { "  \($0)" }
    let shown = folded.prefix(maximumLineCount)
    let rest = folded.count - shown.count
    return [heading] + shown + (rest > 0 ? ["  … and \(rest) more patterns"] : [])
  }
}
