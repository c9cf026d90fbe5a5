public import Formats

/// `layer_replication`: a deeper model, each of whose layers is a copy of one of the
/// base's. The adapter's names count the new layers.
public struct LayerReplication: Sendable {
  /// What stands before the number of a layer, dot included.
  public let list: String
  /// The number of layers of the base.
  public let count: Int
  /// The layer of the base that each new layer is a copy of.
  public let sources: [Int]

  /// More layers than any model has.
  private static let maximumLayerCount = 10_000

  /// What the adapter asks for; nil where it asks for none. Throws where its list makes
  /// no sense for the base.
  public init?(of adapter: Adapter, base: Checkpoint) throws(CheckpointError) {
    guard adapter.features.contains(.layerReplication) else { return nil }
    sources = try Self.sources(adapter)
    guard let found = Self.layerList(of: adapter, in: base) else {
      throw CheckpointError(
        path: adapter.path,
        "repeats layers, but no list of layers in \(base.path) is the one that it adapts")
    }
    (list, count) = found
    guard let wrong = sources.first(where: { $0 >= found.count }) else { return }
    throw CheckpointError(
      path: adapter.path,
      "repeats layer \(wrong) of \(list.quoted), which has \(count) layers")
  }

  /// The tensors that stand for one of the base: itself, or its copies.
  public func copies(of record: TensorRecord) -> [TensorRecord] {
    guard let parts = Self.split(record.name), parts.path == list else { return [record] }
    return sources.indices.filter { sources[$0] == parts.number }.map { layer in
      var copy = record
      copy.name = "\(list)\(layer).\(parts.rest)"
      return copy
    }
  }

  private static func sources(_ adapter: Adapter) throws(CheckpointError) -> [Int] {
    let ranges = adapter.configuration?.json[AdapterFeature.layerReplication.rawValue]?.array ?? []
    var sources: [Int] = []
    for range in ranges {
      guard let bounds = range.array?.compactMap(\.int), bounds.count == 2, bounds[0] >= 0,
        bounds[0] < bounds[1], bounds[1] - bounds[0] <= maximumLayerCount - sources.count
      else {
        throw CheckpointError(
          path: adapter.path,
          "has a layer_replication that is no list of [start, end] pairs of at most "
            + "\(maximumLayerCount) layers")
      }
      sources += bounds[0]..<bounds[1]
    }
    return sources
  }

  /// The list whose layers the adapter adapts.
  private static func layerList(of adapter: Adapter, in base: Checkpoint)
    -> (path: String, count: Int)?
  {
    // Heads and the like are in no list, and lie beside the layers.
    let paths = Set(adapter.modules.compactMap { split($0.target)?.path })
    let lists = paths.count == 1 ? paths : paths.filter(isRepeated)
    guard lists.count == 1, let path = lists.first else { return nil }
    let numbers = base.records.compactMap { record in
      split(record.name).flatMap { $0.path == path ? $0.number : nil }
    }
    return numbers.max().map { (path, $0 + 1) }
  }

  /// Whether PEFT looks for the layers of a model under this name.
  private static func isRepeated(_ path: String) -> Bool {
    ["layers.", "encoder.layer.", "h."].contains { path == $0 || path.hasSuffix(".\($0)") }
  }

  /// A name cut around its first number.
  private static func split(_ name: String) -> (path: String, number: Int, rest: String)? {
    let segments = name.dottedSegments
    guard let index = segments.firstIndex(where: { Int($0) != nil }),
      let number = Int(segments[index]), number >= 0, number < maximumLayerCount
    else { return nil }
    return (
      segments[..<index].joined(separator: ".") + ".", number,
      segments[(index + 1)...].joined(separator: ".")
    )
  }
}

extension Checkpoint {
  /// Other tensors in the place of each; none removes it.
  public func expanded(_ replacement: (TensorRecord) -> [TensorRecord]) -> Checkpoint {
    var copy = self
    copy.records = []
    if shards.isEmpty { copy.records = records.flatMap(replacement) }
    for index in shards.indices {
      let start = copy.records.count
      copy.records += records[shards[index].records].flatMap(replacement)
      copy.shards[index].records = start..<copy.records.count
    }
    return copy
  }
}
