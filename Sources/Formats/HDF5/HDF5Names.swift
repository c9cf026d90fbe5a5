/// Which tensor names the paths of datasets stand for.
struct HDF5Names {
  /// Whether the file says that it keeps to the convention of tenon-hdf5(5).
  let isOwnConvention: Bool
  private let separator: String

  init(_ index: HDF5Index, separator: String) {
    let root = index.groups.first { $0.path.isEmpty }
    let version = root?.attributes[HDF5Convention.attribute]?.integer
    isOwnConvention = version == HDF5Convention.version
    self.separator = separator
  }

  /// The name of the tensor in the dataset at `path`, which begins with a slash.
  func name(of path: String) -> String {
    let inner = path.dropFirst()
    if isOwnConvention { return HDF5Convention.name(ofLink: String(inner)) ?? String(inner) }
    return inner.split(separator: "/", omittingEmptySubsequences: false)
      .joined(separator: separator)
  }

  /// Whether the dataset is one of those that carry the metadata and other files.
  func isOwn(_ path: String) -> Bool {
    isOwnConvention
      && (path == "/\(HDF5Convention.metadata)" || path.hasPrefix("/\(HDF5Convention.files)/"))
  }
}
