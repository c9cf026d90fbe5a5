public import Formats

/// PLoRA that a base should have and does not.
extension PLoRA {
  /// That a model has lost its PLoRA or some of it; nil where it has all, or is none that has
  /// any. What an adapter was trained on, whose base it is, tells it too.
  public static func lost(from base: Checkpoint, of adapter: Adapter? = nil) -> Finding? {
    let all = base.records.map(\.name)
    let present = all.filter(ends)
    let lost = missing(in: all)
    let subject = (adapter == nil ? "" : "the base ") + base.path.printable
    if !lost.isEmpty {
      return Finding(
        .error, .ploraLost, tensors: lost,
        "\(subject) holds \(Wording.count(present.count, "tensor")) of PLoRA, "
          + "but lacks \(Wording.folded(lost)): loading would fill "
          + "\(Wording.verb(lost.count, "it", "them")) with random values")
    }
    // The norms alone are what is left of it.
    guard !present.contains(where: { !$0.hasSuffix("_GN") }) else { return nil }
    let wasThere =
      adapter?.base?.lowercased().contains("xcomposer2") ?? false
      || adapter?.replacements.contains { $0.kind == .plora } ?? false
    let configuration = (try? ModelConfiguration(beside: base)) ?? nil
    guard wasThere || configuration?.isXComposer == true || isExpected(in: all) else { return nil }
    return Finding(
      .error, .ploraLost,
      (wasThere
        ? "the adapter was trained on a model with PLoRA"
        : "\(adapter == nil ? "the model" : "the base") is an InternLM-XComposer 2, whose weights have "
          + "PLoRA beside them")
        + ", but \(subject) holds "
        + (present.isEmpty ? "none of it" : "\(Wording.plora(present)) alone")
        + ": loading it would fill "
        + (present.isEmpty ? "plora_glb_GN, plora_sub_GN and " : "")
        + "Plora_A/B with random values")
  }

  /// Whether the names are those of a model that has PLoRA beside its weights.
  static func isExpected(in names: [String]) -> Bool {
    names.contains { $0.hasPrefix("vision_proj.") } && names.contains { $0.hasPrefix("vit.") }
      && names.contains { $0.hasSuffix(".attention.wqkv.weight") }
  }

  /// The parts of PLoRA that some layers have and others of the same kind have not.
  static func missing(in names: [String]) -> [String] {
    let all = Set(names.map(ExactName.init))
    let pairs = ["Plora_A.weight", "Plora_B.weight"]
    var kinds: Set<String> = []
    for name in names {
      for ending in pairs where name.hasSuffix(".\(ending)") {
        kinds.insert(kind(of: name.dropLast(ending.count + 1)))
      }
    }
    guard !kinds.isEmpty else { return [] }
    return names.flatMap { name -> [String] in
      guard name.hasSuffix(".weight") else { return [] }
      let path = name.dropLast(".weight".count)
      guard kinds.contains(kind(of: path)) else { return [] }
      return pairs.map { "\(path).\($0)" }.filter { !all.contains(ExactName($0)) }
    }
  }

  /// The path with `#` for each number.
  private static func kind(of path: Substring) -> String {
    path.dottedSegments.map { segment in
      segment.allSatisfy { ("0"..."9").contains($0) } ? "#" : segment
    }.joined(separator: ".")
  }
}
