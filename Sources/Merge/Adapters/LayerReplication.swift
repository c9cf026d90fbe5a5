import Formats
import Inspect

extension MergeBase {
  /// `layer_replication`: writes the layers of a deeper model, each a copy of one of the
  /// base's, before anything is added to them.
  mutating func replicateLayers(for adapters: [Adapter]) throws(CheckpointError) {
    let asking = adapters.filter { $0.features.contains(.layerReplication) }
    guard let adapter = asking.first else { return }
    guard adapters.count == 1 else {
      throw CheckpointError(
        path: adapter.path,
        "builds a deeper model from repeated layers, which is possible with one adapter only",
        fix: "merge it first")
    }
    let sources = try Self.sources(adapter)
    guard let list = layerList(of: adapter) else {
      throw CheckpointError(
        path: adapter.path,
        "repeats layers, but no list of layers in \(checkpoint.path) is the one that it adapts")
    }
    guard let wrong = sources.first(where: { $0 >= list.count }) else {
      return replicate(list, sources)
    }
    throw CheckpointError(
      path: adapter.path,
      "repeats layer \(wrong) of \(list.path.quoted), which has \(list.count) layers")
  }

  /// The layer of the base that each new layer is a copy of.
  private static func sources(_ adapter: Adapter) throws(CheckpointError) -> [Int] {
    let ranges = adapter.configuration?.json[AdapterFeature.layerReplication.rawValue]?.array ?? []
    var sources: [Int] = []
    for range in ranges {
      guard let bounds = range.array?.compactMap(\.int), bounds.count == 2, bounds[0] >= 0,
        bounds[0] < bounds[1], bounds[1] - bounds[0] <= Self.maximumLayerCount - sources.count
      else {
        throw CheckpointError(
          path: adapter.path,
          "has a layer_replication that is no list of [start, end] pairs of at most "
            + "\(Self.maximumLayerCount) layers")
      }
      sources += bounds[0]..<bounds[1]
    }
    return sources
  }

  /// More layers than any model has.
  private static let maximumLayerCount = 10_000

  /// A list of layers: what stands before the number, dot included.
  struct LayerList {
    let path: String
    let count: Int
  }

  /// The list whose layers the adapter adapts.
  private func layerList(of adapter: Adapter) -> LayerList? {
    var paths: Set<String> = []
    for module in adapter.modules {
      guard let path = Self.split(module.target)?.path else { return nil }
      paths.insert(path)
    }
    guard paths.count == 1, let path = paths.first else { return nil }
    let numbers = checkpoint.records.compactMap { record in
      Self.split(record.name).flatMap { $0.path == path ? $0.number : nil }
    }
    return numbers.max().map { LayerList(path: path, count: $0 + 1) }
  }

  /// A name cut around its first number.
  private static func split(_ name: String) -> (path: String, number: Int, rest: String)? {
    let segments = name.split(separator: ".", omittingEmptySubsequences: false)
    guard let index = segments.firstIndex(where: { Int($0) != nil }),
      let number = Int(segments[index])
    else { return nil }
    return (
      segments[..<index].joined(separator: ".") + ".", number,
      segments[(index + 1)...].joined(separator: ".")
    )
  }

  private mutating func replicate(_ list: LayerList, _ sources: [Int]) {
    expand { record in
      guard let parts = Self.split(record.name), parts.path == list.path else { return [record] }
      return sources.indices.filter { sources[$0] == parts.number }.map { layer in
        var copy = record
        copy.name = "\(list.path)\(layer).\(parts.rest)"
        return copy
      }
    }
    for field in ["num_hidden_layers", "n_layer", "num_layers"] {
      edit(
        ConfigurationEdit(
          field, .number("\(sources.count)"), instead: .number("\(list.count)")))
    }
    note(
      Finding(
        .note, .configMismatch,
        "the adapter repeats layers: the \(list.count) of the base become \(sources.count)"))
  }
}
