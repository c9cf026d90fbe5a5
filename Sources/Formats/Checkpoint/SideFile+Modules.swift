/// What sentence-transformers puts behind a model: a pooling, a normalisation, a layer, each in
/// a directory of its own.
extension SideFile {
  private static let list = "modules.json"

  /// The directories in `listing` that its list of modules names.
  static func moduleDirectories(in listing: DirectoryListing) -> [String] {
    guard listing.contains(list), let modules = try? InputFile.json(at: listing.path(of: list))
    else { return [] }
    let paths = Set(modules.array?.compactMap { $0["path"]?.string } ?? [])
    return listing.directories.filter(paths.contains)
  }

  /// The files of those modules, their tensors among them.
  static func modules(in listing: DirectoryListing) -> [SideFile] {
    moduleDirectories(in: listing).flatMap { directory -> [SideFile] in
      guard let inner = try? DirectoryListing(path: listing.path(of: directory)) else { return [] }
      return inner.files.map { name in
        var file = SideFile(name: "\(directory)/\(name)", path: inner.path(of: name))
        file.isOfModule = true
        return file
      }
    }
  }
}
