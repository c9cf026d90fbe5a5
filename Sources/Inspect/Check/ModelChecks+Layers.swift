import Formats

/// Lists of layers with a hole, and none of the length that the configuration says.
extension ModelChecks {
  func layers() -> [Finding] {
    let lists = LayerList.all(
      // The layers of a shard that could not be read are no holes.
      in: checkpoint.records.map(\.name) + checkpoint.absentShards.flatMap(\.tensors))
    return lists.compactMap(hole) + [length(lists)].compactMap(\.self)
  }

  /// That a list lacks one of its layers.
  private func hole(_ list: LayerList) -> Finding? {
    let isStated = configuration.layerCounts?.contains(list.length) ?? false
    guard isStated || list.isOfOneKind, list.members.count < list.length,
      // Numbers are a file's; a loop to the greatest could be endless.
      let hole = (0..<list.length).first(where: { list.members[$0] == nil })
    else { return nil }
    return Finding(
      .warning, .missingKey,
      "\(list.path.quoted) has \(Wording.count(list.members.count, "layer")) up to "
        + "\(list.length - 1), but none with the number \(hole)")
  }

  private func length(_ lists: [LayerList]) -> Finding? {
    guard let expected = configuration.layerCounts, !lists.isEmpty,
      !lists.contains(where: { expected.contains($0.length) }),
      !lists.allSatisfy({ configuration.partLayerCounts.contains($0.length) })
    else { return nil }
    let found = lists.map { "\($0.path.printable) has \($0.members.count)" }
    return Finding(
      .warning, .configMismatch,
      "config.json says num_hidden_layers \(expected.lowerBound), but "
        + found.joined(separator: ", "))
  }
}

/// Modules that are numbered under one path.
private struct LayerList {
  let path: String
  /// By its number, what each holds: the ends of the names.
  var members: [Int: Set<String>] = [:]

  /// One more than the greatest number.
  var length: Int { (members.keys.max() ?? -1).saturatingSum(1) }

  /// Whether all have the same tensors, in modules of their own: then it is a list, which
  /// has no hole. A sequence holds modules of several kinds, and some without any tensor.
  var isOfOneKind: Bool {
    guard let first = members.first?.value, first.contains(where: { $0.contains(".") }) else {
      return false
    }
    return members.values.allSatisfy { $0 == first }
  }

  /// The words before the number of a layer.
  private static let words: Set<Substring> = ["layers", "h", "layer", "blocks", "block"]

  static func all(in names: [String]) -> [LayerList] {
    var lists: [String: LayerList] = [:]
    for name in names {
      let segments = name.dottedSegments
      let index = segments.indices.dropLast().first { index in
        words.contains(segments[index]) && Int(segments[index + 1]).map { $0 >= 0 } ?? false
      }
      guard let index, let number = Int(segments[index + 1]) else { continue }
      let path = segments[...index].joined(separator: ".")
      let rest = segments[(index + 2)...].joined(separator: ".")
      lists[path, default: LayerList(path: path)].members[number, default: []].insert(rest)
    }
    return lists.values.sorted { NaturalOrder.precedes($0.path, $1.path) }
  }
}
