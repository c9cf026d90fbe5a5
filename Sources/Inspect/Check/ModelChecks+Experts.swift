import Formats

/// Experts that are held one by one: each has the same modules, and none is left out.
extension ModelChecks {
  /// That some are missing or numbered otherwise: transformers fuses them in the order of
  /// their numbers, whatever these are, and so puts others in their places.
  func experts() -> [Finding] {
    let lists = expertLists()
    let stated = configuration.expertCount
    var missing: [String] = []
    var surplus: [String] = []
    for (list, modules) in lists.sorted(by: { NaturalOrder.precedes($0.key, $1.key) }) {
      let numbers = modules.values.reduce(into: Set<Int>()) { $0.formUnion($1) }
      let highest = numbers.max() ?? 0
      let isAsStated = stated == numbers.count || stated == highest + 1
      let count = isAsStated ? stated ?? 0 : highest + 1
      guard count <= Self.maximumExpertCount else { continue }
      for (module, held) in modules.sorted(by: { $0.key < $1.key }) {
        missing += (0..<count).filter { !held.contains($0) }.map { "\(list).\($0).\(module)" }
        surplus += held.sorted().filter { $0 >= count }.map { "\(list).\($0).\(module)" }
      }
    }
    guard !missing.isEmpty else { return [] }
    return [
      Finding(
        .error, .missingKey, tensors: missing.map { "\($0).weight" },
        "\(Wording.count(missing.count, "module")) of experts \(Wording.verb(missing.count, "is", "are")) "
          + "missing (\(Wording.folded(missing))), which the other experts of the list have"
          + (surplus.isEmpty ? "" : ", and \(Wording.folded(surplus)) lie beyond their number")
          + (stated.map { "; config.json says \($0) experts" } ?? "")
          + ": transformers, which fuses them in the order of their numbers, fails or takes one for "
          + "another")
    ]
  }

  /// No model comes near.
  private static let maximumExpertCount = 1 << 14

  /// By the path of each list of experts, the modules that they have, and for each the
  /// numbers of those that have it. What shards hold that could not be read is counted.
  private func expertLists() -> [String: [String: Set<Int>]] {
    var lists: [String: [String: Set<Int>]] = [:]
    let absent = checkpoint.promised.map(\.text)
    for name in checkpoint.records.map(\.name) + absent where name.contains(".experts.") {
      let segments = name.dottedSegments
      guard let index = segments.lastIndex(of: "experts"), index + 3 < segments.count,
        let number = Int(segments[index + 1]), number >= 0
      else { continue }
      let module = segments[(index + 2)...].dropLast().joined(separator: ".")
      lists[segments[...index].joined(separator: "."), default: [:]][module, default: []]
        .insert(number)
    }
    return lists
  }
}
