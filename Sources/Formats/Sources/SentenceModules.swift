/// The modules of sentence-transformers that lie in directories beside the model, such as the
/// pooling: without them the model that is trained for embeddings does not load.
enum SentenceModules {
  private static let fileName = "modules.json"

  /// The directories that the list of modules names, as far as they are there.
  static func directories(in listing: DirectoryListing) -> [String] {
    guard listing.contains(fileName),
      let modules = try? InputFile.json(at: listing.path(of: fileName)).array
    else { return [] }
    let named = modules.compactMap { $0["path"]?.string }
    return listing.directories.filter(named.contains)
  }

  /// The files in them, tensors too.
  static func files(in listing: DirectoryListing) -> [SideFile] {
    directories(in: listing).flatMap { directory -> [SideFile] in
      guard let inner = try? DirectoryListing(path: listing.path(of: directory)) else { return [] }
      return inner.files.map { name in
        var file = SideFile(name: "\(directory)/\(name)", path: inner.path(of: name))
        file.isOfModule = true
        return file
      }
    }
  }
}
