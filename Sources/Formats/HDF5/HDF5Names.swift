/// Which tensor names the paths of datasets stand for.
struct HDF5Names {
  /// Whether the file says that it keeps to the convention of tenon-hdf5(5).
  let isOwnConvention: Bool
  /// The groups that lead to the weights of a model that Keras saved whole.
  let rootPath: [String]
  /// The layers of Keras' old format, each a group around names that begin with its own.
  private let layers: Set<Substring>
  private let separator: String
  /// What no part of a path has in it.
  private static let pathSeparator = "/"

  /// The group of the weights in a model that Keras saved whole, and its list of layers.
  private static let kerasWeights = "model_weights"
  private static let kerasLayers = "layer_names"

  init(_ index: HDF5Index, separator: String) {
    let root = index.groups.first { $0.path.isEmpty }
    let version = root?.attributes[HDF5Convention.attribute]?.integer
    isOwnConvention = version == HDF5Convention.version
    self.separator = separator
    let weights = index.groups.first { $0.path == "/\(Self.kerasWeights)" }
    let listed = weights?.attributes.strings(Self.kerasLayers)
    rootPath = listed == nil ? [] : [Self.kerasWeights]
    layers = Set((listed ?? root?.attributes.strings(Self.kerasLayers) ?? []).map { $0[...] })
  }

  /// Whether the dataset is one of the weights, not of an optimizer's state beside them.
  func isWeight(_ path: String) -> Bool {
    rootPath.isEmpty || path.hasPrefix("/\(Self.kerasWeights)/")
  }

  /// The refusal of two datasets of one name, the second of which is at `position`.
  func ambiguity(at position: Int, of paths: [String]) -> CheckpointError {
    let path = paths[position]
    let tensor = name(of: path)
    let other = paths[..<position].first { ExactName(name(of: $0)) == ExactName(tensor) }
    // Paths are shown with what is no UTF-8 in them replaced.
    guard let other, ExactName(other) != ExactName(path) else {
      return CheckpointError(
        tensor: tensor, "is the name of two datasets, whose names in the file are not UTF-8")
    }
    let canDiffer = name(of: path, Self.pathSeparator) != name(of: other, Self.pathSeparator)
    return CheckpointError(
      tensor: tensor, "is the name of two datasets, \(other.quoted) and \(path.quoted)",
      fix: canDiffer ? "choose what joins groups and names with --hdf5-separator" : nil)
  }

  /// The name of the tensor in the dataset at `path`, which begins with a slash.
  func name(of path: String) -> String { name(of: path, separator) }

  private func name(of path: String, _ separator: String) -> String {
    let inner = path.dropFirst()
    if isOwnConvention { return HDF5Convention.name(ofLink: String(inner)) ?? String(inner) }
    var parts = inner.split(separator: "/", omittingEmptySubsequences: false)[...]
    if parts.starts(with: rootPath.map { $0[...] }), parts.count > rootPath.count {
      parts.removeFirst(rootPath.count)
    }
    return withoutRepeatedLayer(parts).joined(separator: separator)
  }

  /// `dense/dense/kernel:0`: the weight is called `dense/kernel:0`, its layer `dense`. Both
  /// names may have slashes: `a/b/a/b/kernel:0`.
  private func withoutRepeatedLayer(_ parts: ArraySlice<Substring>) -> ArraySlice<Substring> {
    guard !layers.isEmpty else { return parts }
    for count in 1..<max(1, (parts.count + 1) / 2) {
      let rest = parts.dropFirst(count)
      let layer = parts.prefix(count)
      if rest.starts(with: layer), layers.contains(layer.joined(separator: "/")[...]) {
        return rest
      }
    }
    return parts
  }

  /// Whether the dataset is one of those that carry the metadata and other files.
  func isOwn(_ path: String) -> Bool {
    isOwnConvention
      && (path == "/\(HDF5Convention.metadata)" || path.hasPrefix("/\(HDF5Convention.files)/"))
  }
}
