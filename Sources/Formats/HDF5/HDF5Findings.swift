/// The words for what a file holds that is no tensor of it.
enum HDF5Findings {
  /// Links that are not followed: one finding for each kind.
  static func links(_ index: HDF5Index) -> [Finding] {
    var kinds: [(kind: String, links: [HDF5Index.Link])] = []
    for link in index.links {
      if let position = kinds.firstIndex(where: { $0.kind == link.kind }) {
        kinds[position].links.append(link)
      } else {
        kinds.append((link.kind, [link]))
      }
    }
    return kinds.map { kind, links in
      let list = TorchFindings.shortList(links.map { "\($0.path.quoted) to \($0.target.quoted)" })
      let count = links.count == 1 ? "1 \(kind) link is" : "\(links.count) \(kind) links are"
      return Finding(
        .warning, .unfollowedLink, tensors: links.map(\.path),
        "\(count) not followed: \(list)")
    }
  }

  /// Data that the file does not hold itself.
  static func elsewhere(_ name: String, _ what: String) -> Finding {
    Finding(
      .warning, .unfollowedLink, tensors: [name],
      "\(name.quoted) is \(what), whose data this file does not hold; it is left out")
  }

  /// Files within the file whose names could lead elsewhere or be taken for others.
  static func files(_ links: [String]) -> Finding {
    let list = TorchFindings.shortList(links.map(\.quoted))
    return Finding(
      .warning, .missingSideFile,
      links.count == 1
        ? "carries a file under the name \(list), which is not one of a model's files; it is "
          + "left out"
        : "carries \(links.count) files under names that are not those of a model's files; they "
          + "are left out: \(list)")
  }

  /// What a dataset is that cannot be a tensor.
  static func description(_ dataset: HDF5Index.Dataset) -> String {
    let shape = dataset.shape.map { $0.isEmpty ? "" : " \($0)" } ?? ""
    return description(dataset.type) + shape
  }

  /// What its elements are.
  static func description(_ type: HDF5Type) -> String {
    switch type {
    case .string: return "string"
    case .compound(_, let members, _):
      let names = members.map(\.name).joined(separator: ", ").printable
      return "compound of \(names.isEmpty ? "many members" : names)"
    case .other(let name, _, _): return name
    case .integer, .float, .enumeration:
      return HDF5TypeRow.reading(type, dtype: nil)?.name ?? "integer of \(bytes(type))"
    case .opaque: return "opaque data of \(bytes(type))"
    }
  }

  private static func bytes(_ type: HDF5Type) -> String {
    type.byteCount == 1 ? "1 byte" : "\(type.byteCount) bytes"
  }

  /// Numbers that are left out: one finding for each type.
  static func unsupported(_ datasets: [(name: String, type: String)]) -> [Finding] {
    var types: [String] = []
    var names: [String: [String]] = [:]
    for dataset in datasets {
      if names[dataset.type] == nil { types.append(dataset.type) }
      names[dataset.type, default: []].append(dataset.name)
    }
    return types.map { type in
      let names = names[type] ?? []
      let list = TorchFindings.shortList(names.map(\.quoted))
      return Finding(
        .warning, .unsupportedType, tensors: names,
        names.count == 1
          ? "\(list) is left out, as no tensor can be of its type (\(type))"
          : "\(list) are left out, as no tensor can be of their type (\(type))")
    }
  }
}
