public import Formats

/// Which tensor of a base each module of an adapter acts on.
///
/// Names of the adapter's family are undone by its table; beyond that only exact names
/// count: a renaming that would make more of them fit is suggested, never applied.
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

  /// A module that acts on some rows of a tensor in which the base fuses several.
  public struct PartialMatch: Sendable {
    public let module: AdapterModule
    public let base: TensorRecord
    /// Of fused experts those of all matrices, one below the other.
    public let rows: Range<Int>
    /// Whether the tensor is a stack of the experts' matrices.
    public var isOfExpert: Bool { base.shape.count == 3 }
  }

  public let adapter: Adapter
  public var basePath: String { base.path }
  /// The modules that found their tensor, in the order of the adapter.
  public private(set) var matches: [Match] = []
  public private(set) var mismatches: [Mismatch] = []
  /// The modules that found their rows of a tensor.
  public private(set) var partialMatches: [PartialMatch] = []
  /// The modules of which the base has no tensor.
  public private(set) var unmatched: [AdapterModule] = []
  /// Modules that stand for several tensors alike, or share one with another module.
  public private(set) var contested: [AdapterModule] = []
  /// Modules with a square weight of which nothing tells whether it is held as
  /// `[out, in]` or `[in, out]`.
  public private(set) var undecided: [AdapterModule] = []
  /// Modules that the base holds as several tensors, and whose factors cannot be divided.
  public private(set) var indivisible: [AdapterModule] = []
  /// The names in the base that end most like those of `unmatched`, in natural
  /// order and each once.
  public private(set) var nearest: [String] = []
  let base: Checkpoint

  public init(_ adapter: Adapter, base: Checkpoint) {
    self.adapter = adapter
    self.base = base
    let positions = base.positions()
    let places = BasePlaces(
      base, positions: positions, naming: AdapterFamily.naming(of: adapter.kind),
      targets: adapter.modules.map(\.target))
    let found = adapter.modules.map { (module: $0, places: places[$0.target]) }
    let shared = Self.sharedPlaces(found.map { ($0.module.target, $0.places) })
    var fits: [(module: AdapterModule, base: TensorRecord, fit: ShapeFit)] = []
    for (module, found) in found {
      let records = found.first?.tensors.compactMap { positions[$0].map { base.records[$0] } } ?? []
      guard let place = found.first, let record = records.first,
        records.count == place.tensors.count
      else {
        unmatched.append(module)
        continue
      }
      guard found.count == 1, shared.isDisjoint(with: place.claims) else {
        contested.append(module)
        continue
      }
      if case .parts = place {
        fits += divide(module, over: records)
      } else if case .part(_, let index, let count) = place {
        addPart(module, record, index, of: count)
      } else if case .transposed = place {
        addTransposed(module, record)
      } else if let fit = ShapeFit(module, record) {
        fits.append((module, record, fit))
      } else {
        mismatches.append(Mismatch(module: module, base: record))
      }
    }
    decide(fits)
    guard !unmatched.isEmpty else { return }
    nearest = places.nearest(to: unmatched)
  }

  /// The renaming that would give every module a fitting tensor; searched for when asked.
  var renaming: InferredRenaming? {
    unmatched.isEmpty ? nil : InferredRenaming(adapter, to: base)
  }

  /// Finds out how square weights are held.
  private mutating func decide(
    _ fits: [(module: AdapterModule, base: TensorRecord, fit: ShapeFit)]
  ) {
    let orientation = Orientation(
      decided: fits.filter { $0.module.kind != .embedding }.map { ($0.module.target, $0.fit) },
      // One that cannot be read tells nothing; whoever needs it says why.
      classes: ModuleClasses((try? ModelConfiguration(beside: base)) ?? nil),
      configuration: adapter.configuration)
    for fit in fits {
      guard let isTransposed = orientation.isTransposed(fit.module.target, fit.fit) else {
        undecided.append(fit.module)
        continue
      }
      matches.append(Match(module: fit.module, base: fit.base, isTransposed: isTransposed))
    }
  }

  /// A module whose weight the family's table knows to be held the other way round.
  private mutating func addTransposed(_ module: AdapterModule, _ record: TensorRecord) {
    guard record.shape.count == 2, let fit = ShapeFit(module, record.transposed),
      fit != .transposed
    else {
      mismatches.append(Mismatch(module: module, base: record))
      return
    }
    matches.append(Match(module: module, base: record, isTransposed: true))
  }

  private mutating func addPart(
    _ module: AdapterModule, _ record: TensorRecord, _ index: Int, of count: Int
  ) {
    let isStack = record.shape.count == 3
    let columns = isStack ? [record.shape[2]] : Array(record.shape.dropFirst())
    let rows = isStack ? record.shape[0].saturatingProduct(record.shape[1]) : record.shape.first
    guard let rows, rows.isMultiple(of: count), module.updatedShape == [rows / count] + columns
    else {
      mismatches.append(Mismatch(module: module, base: record))
      return
    }
    let start = rows / count * index
    partialMatches.append(
      PartialMatch(module: module, base: record, rows: start..<start + rows / count))
  }

  /// The parts of a module whose rows the base holds in several tensors.
  private mutating func divide(_ module: AdapterModule, over records: [TensorRecord])
    -> [(module: AdapterModule, base: TensorRecord, fit: ShapeFit)]
  {
    var parts: [(module: AdapterModule, base: TensorRecord, fit: ShapeFit)] = []
    var start = 0
    for record in records {
      let end = start.saturatingSum(record.shape.first ?? 0)
      guard end <= module.updatedShape?.first ?? 0 else { break }
      guard let part = module.part(rows: start..<end) else {
        indivisible.append(module)
        return []
      }
      guard let fit = ShapeFit(part, record), fit != .transposed else { break }
      // Only a weight that is held as `[out, in]` has rows that are outputs.
      parts.append((part, record, .direct))
      start = end
    }
    guard parts.count == records.count, start == module.updatedShape?.first else {
      mismatches.append(Mismatch(module: module, base: records[0]))
      return []
    }
    return parts
  }

  /// The places that modules of different names lay claim to.
  private static func sharedPlaces(_ found: [(target: String, places: Set<BasePlace>)])
    -> Set<BasePlace>
  {
    var owners: [BasePlace: String] = [:]
    var shared: Set<BasePlace> = []
    for (target, places) in found {
      guard let place = places.first, places.count == 1 else { continue }
      for claim in place.claims {
        if let other = owners.updateValue(target, forKey: claim), other != target {
          shared.insert(claim)
        }
      }
    }
    return shared
  }
}
