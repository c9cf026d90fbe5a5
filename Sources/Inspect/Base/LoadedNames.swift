import Formats

/// The names that transformers gives the tensors of a base when it loads them, where its
/// files have others.
///
/// An adapter that was trained on the loaded model knows its modules by these names only.
/// Files keep the older ones, as transformers puts them back when it saves.
struct LoadedNames {
  private var places: [ExactName: BasePlace] = [:]

  /// Those of a base, where nothing is wrong with its configuration.
  init(_ base: Checkpoint) {
    self.init(
      base.records.lazy.map(\.name), configuration: (try? ModelConfiguration(beside: base)) ?? nil)
  }

  init(_ tensors: some Sequence<String>, configuration: ModelConfiguration?) {
    let rules = Self.rules(for: configuration)
    var contested: Set<ExactName> = []
    for tensor in tensors {
      for (name, place) in Self.names(of: tensor, by: rules) where name != tensor {
        if places.updateValue(place, forKey: ExactName(name)) != nil {
          contested.insert(ExactName(name))
        }
      }
    }
    for name in contested { places[name] = nil }
  }

  /// Where the base has what is loaded under this name; nil where no file has it by another
  /// name, or several have.
  subscript(name: String) -> BasePlace? { places[ExactName(name)] }

  /// The tensor of the base that is loaded as a whole under this name.
  func tensor(_ name: String) -> String? {
    if case .whole(let tensor)? = self[name] { tensor } else { nil }
  }

  /// The module whose weight is loaded as a whole as that of this one.
  func module(_ path: String) -> String? {
    for leaf in ["weight", "in_proj_weight"] {
      guard let tensor = tensor("\(path).\(leaf)"), tensor.hasSuffix(".\(leaf)") else { continue }
      return String(tensor.dropLast(leaf.count + 1))
    }
    return nil
  }

  /// What a tensor is loaded as: one name, or one for each part of its rows.
  static func names(of tensor: String, by rules: [Rule])
    -> [(name: String, place: BasePlace)]
  {
    var name = tensor
    for rule in rules where rule.replacements.count == 1 {
      name = rule.apply(to: name)?.first ?? name
    }
    for rule in rules where rule.replacements.count > 1 {
      guard let names = rule.apply(to: name) else { continue }
      return names.enumerated().map { index, name in
        (name, .part(tensor: tensor, index: index, count: names.count))
      }
    }
    return [(name, .whole(tensor))]
  }
}
