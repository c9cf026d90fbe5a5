public import Formats

/// Tensors of the loaded model that the files of a base hold in another form: fused with
/// others, divided, or in another order.
///
/// transformers makes them when it loads and undoes them when it saves. Only what becomes of
/// the names is known of most; a tensor of such a name is none that the base lacks, and put
/// beside the others it would be loaded in their place.
public struct RearrangedNames {
  /// The beginnings of the loaded names up to each number: `model.layers.0`.
  private var lists: Set<String> = []
  private let hasRules: Bool

  public init(_ base: Checkpoint) {
    let configuration = (try? ModelConfiguration(beside: base)) ?? nil
    let rules = LoadedNames.rules(for: configuration)
    hasRules = rules.count > LoadedNames.rules(for: nil).count
    for record in base.records {
      for name in LoadedNames.names(of: record.name, by: rules) {
        lists.formUnion(Self.lists(in: name.name))
      }
    }
  }

  /// Whether the model has a tensor of this name, which its files do not hold under any.
  ///
  /// Modules that a training adds lie beside the layers, not in them.
  public func contains(_ name: String) -> Bool {
    guard let dot = name.lastIndex(of: ".") else { return false }
    if lists.contains("\(name[..<dot]).0") { return true }
    return hasRules && Self.lists(in: name).contains(where: lists.contains)
  }

  /// What has a base with the names of the loaded model.
  public static let advice =
    "save the base as it is loaded, with save_pretrained(OUT, save_original_format=False), and "
    + "merge into that"

  private static func lists(in name: String) -> [String] {
    name.indices.filter { name[$0] == "." }.compactMap { dot in
      let beginning = name[..<dot]
      let last = beginning.split(separator: ".").last ?? ""
      return last.allSatisfy(\.isNumber) ? String(beginning) : nil
    }
  }
}
