/// A way in which a directory names its weights: `model.safetensors`, or shards of it.
///
/// Each has variants, as transformers and diffusers call weights of another precision that
/// may lie beside the plain ones: `model.fp16.safetensors`.
struct WeightLayout {
  let prefix: String
  let suffix: String

  /// The first that fits wins: an adapter before a model, safetensors before PyTorch.
  static let all = [
    ("adapter_model", ".safetensors"), ("adapter_model", ".bin"), ("adapters", ".safetensors"),
    ("model", ".safetensors"), ("pytorch_model", ".bin"),
    ("diffusion_pytorch_model", ".safetensors"), ("diffusion_pytorch_model", ".bin"),
    ("adapter_model", ".h5"), ("model", ".h5"),
  ].map { WeightLayout(prefix: $0, suffix: $1) }

  /// What a directory holds under the names of this layout, the whole file before an index of
  /// shards, as transformers has it; nil where it holds nothing.
  func choice(_ variant: String?, in listing: DirectoryListing) -> DirectorySource.Choice? {
    let whole = whole(variant)
    if listing.contains(whole) { return .files([whole]) }
    if let index = indexes(variant).first(where: listing.contains) { return .index(index) }
    let shards = listing.files.filter { isShard($0, variant) }
    return shards.isEmpty ? nil : .unindexed(shards)
  }

  /// The names of the indexes of `file`.
  static func indexes(of file: String) -> [String] {
    for layout in all {
      if let variant = layout.variant(ofFile: file) { return layout.indexes(variant) }
    }
    return ["\(file).index.json"]
  }

  /// Whether a file has a name of this layout, plain or of a variant.
  func names(_ name: String) -> Bool {
    guard name.hasPrefix(prefix) else { return false }
    return name.hasSuffix(suffix) || (name.hasPrefix(prefix + suffix) && Self.isIndex(name))
  }

  /// Whether a file of this name is an index of shards.
  static func isIndex(_ name: String) -> Bool {
    name.hasSuffix(".index.json")
      || name.wholeMatch(of: /.+\.(safetensors|bin|h5)\.index\.[^.]+\.json/) != nil
  }

  /// The variants of models of which a directory holds weights, each once and in order.
  static func variants(in listing: DirectoryListing) -> [String] {
    var found = Set<String>()
    for name in listing.files {
      for layout in all where !layout.prefix.hasPrefix("adapter") {
        if let variant = layout.variant(of: name) { found.insert(variant) }
      }
    }
    return found.sorted()
  }

  /// The variant that a file belongs to; nil for one of another layout and for a plain one.
  private func variant(of name: String) -> String? {
    if let variant = variant(ofFile: name) { return variant }
    guard name.hasPrefix(prefix + suffix),
      let match = name.dropFirst(prefix.count + suffix.count)
        .wholeMatch(of: /\.index\.([^.]+)\.json|\.([^.]+)\.index\.json/)
    else { return nil }
    return (match.1 ?? match.2).map(String.init)
  }

  /// The variant of a whole file or of a shard.
  private func variant(ofFile name: String) -> String? {
    guard name.hasPrefix(prefix + "."), name.hasSuffix(suffix),
      name.count > prefix.count + suffix.count
    else { return nil }
    return name.dropFirst(prefix.count).dropLast(suffix.count)
      .wholeMatch(of: /\.([^.]+?)(?:-[0-9]+-of-[0-9]+)?/).map { String($0.1) }
  }

  private func stem(_ variant: String?) -> String {
    variant.map { "\(prefix).\($0)" } ?? prefix
  }

  private func whole(_ variant: String?) -> String { stem(variant) + suffix }

  /// Diffusers once wrote the variant before the word, as transformers does behind it.
  func indexes(_ variant: String?) -> [String] {
    guard let variant else { return ["\(prefix)\(suffix).index.json"] }
    return ["\(prefix)\(suffix).index.\(variant).json", "\(prefix)\(suffix).\(variant).index.json"]
  }

  /// Whether a file is `stem-00001-of-0000N.suffix`.
  private func isShard(_ name: String, _ variant: String?) -> Bool {
    let stem = stem(variant)
    guard name.hasPrefix(stem + "-"), name.hasSuffix(suffix) else { return false }
    let middle = name.dropFirst(stem.count + 1).dropLast(suffix.count)
    return middle.utf8.allSatisfy { ($0 >= 0x30 && $0 <= 0x39) || $0 == 0x2D || $0 > 0x60 }
      && middle.contains("-of-")
  }
}
