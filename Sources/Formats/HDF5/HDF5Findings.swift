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
    switch dataset.type {
    case .string: return "string\(shape)"
    case .compound(_, let members, _):
      let names = members.map(\.name).joined(separator: ", ").printable
      return "compound of \(names.isEmpty ? "many members" : names)\(shape)"
    case .other(let name, _): return "\(name)\(shape)"
    case .integer, .float, .opaque, .enumeration:
      return "data of \(dataset.type.byteCount) bytes each\(shape)"
    }
  }
}
