/// What a directory may hold that `--force` replaces as a whole: what a model's
/// directory has, and what a run on the same inputs would copy into it again.
///
/// Anything else is somebody's work that nobody asked to remove.
struct ModelDirectory {
  private static let names: Set<String> = [
    "configuration.json", "model_index.json", "modules.json", "params.json",
    "preprocessor.json", "quant_strategy.json",
  ]
  private static let suffixes = ["config.json", ".jinja"]

  /// Whether the directories in `listing` are those of one pipeline.
  static func isPipeline(_ listing: DirectoryListing) -> Bool {
    listing.contains(DirectorySource.pipelineFile)
  }

  /// The names of the other files in `listing`; `inputs` are the paths that a run reads.
  static func strangers(in listing: DirectoryListing, inputs: [String]) -> [String] {
    var known = names
    for input in inputs {
      known.formUnion((try? DirectoryListing(path: input).files) ?? [])
    }
    return (listing.files + listing.others).filter { name in
      let isExpected =
        known.contains(name) || SideFile(name: name, path: name).isOfTokenizer
        || suffixes.contains(where: name.hasSuffix)
        || DirectorySource.isTensorFile(name) || DirectorySource.isIndex(name)
      return !isExpected || listing.others.contains(name)
    }.sorted()
  }
}
