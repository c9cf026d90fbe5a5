import SystemPackage

/// Weights of another precision, which have a word of their own in their names.
extension DirectorySource {
  /// The variants that a directory holds; none where an index of another name says what
  /// belongs together.
  func variants(in listing: DirectoryListing) -> [String] {
    let variants = WeightLayout.variants(in: listing)
    let indexes = Set(
      variants.flatMap { variant in
        WeightLayout.all.flatMap { $0.indexes(variant) }
      })
    return listing.files.contains { Self.isIndex($0) && !indexes.contains($0) } ? [] : variants
  }

  /// That loaders find the weights by their variant alone.
  static func note(_ variant: String) -> Finding {
    Finding(
      .note, .weightVariant,
      "the weights are the variant \(variant.quoted), and no plain ones lie beside them: "
        + "transformers and diffusers load them with variant=\(variant.quoted) alone")
  }

  /// The refusal of a directory with several variants and no plain weights.
  func severalVariants(_ variants: [String], _ listing: DirectoryListing) -> CheckpointError {
    let name: String? =
      switch choose(variants[0], from: listing) {
      case .index(let name): name
      case .files(let names), .unindexed(let names): names.first
      case nil: nil
      }
    return CheckpointError(
      path: path,
      "holds \(variants.count) variants of its weights and no plain ones: "
        + variants.prefix(8).map(\.quoted).joined(separator: ", ")
        + (variants.count > 8 ? ", …" : ""),
      fix: name.map { "name one of them, for example \(shellQuoted(listing.path(of: $0)))" })
  }
}

extension Checkpoint {
  /// The directory of an adapter of which `path` is the file of tensors; nil for any other.
  public static func adapterDirectory(of path: String) -> String? {
    guard let file = DirectorySource.adapterConfiguration(beside: path).first else { return nil }
    let directory = FilePath(file.path).removingLastComponent().string
    return directory.isEmpty ? "." : directory
  }

  /// The index that the weights of a directory have; nil where there is none.
  public static func index(in directory: String) -> String? {
    guard let listing = try? DirectoryListing(path: directory),
      case .index(let name) = try? DirectorySource(path: directory, options: OpeningOptions())
        .choose(from: listing)
    else { return nil }
    return listing.path(of: name)
  }
}
