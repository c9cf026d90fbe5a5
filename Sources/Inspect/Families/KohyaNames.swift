import Formats
import OrderedCollections

/// The names of kohya's scripts: `PREFIX_` and the path with `_` for each dot.
///
/// That cannot be undone by itself: the paths are those of the base whose flattened
/// form it is.
enum KohyaNames {
  private static let leaves = [
    ("lora_down.weight", "lora_A.weight"), ("lora_up.weight", "lora_B.weight"),
  ]

  static let toPEFT: @Sendable (inout RenamingDraft, KeyList?) throws(CheckpointError) -> Void = {
    (draft, base) throws(CheckpointError) in
    guard let base else { return }
    let alphas = try draft.takeAlphas()
    try draft.refuseOtherLeaves()
    let stems = unique(draft.names.map(stem))
    let paths = try Self.paths(of: stems, in: base, path: draft.path)
    var rules = stems.map { stem in
      RenameRule.prefix(stem, to: "base_model.model.\(paths[stem] ?? "")")
    }
    rules += leaves.map { RenameRule(checked: "\\.\(RenameRule.escaped($0.0))$", ".\($0.1)") }
    let shapes = Dictionary(
      base.entries.map { (ExactName($0.name), $0.shape) }, uniquingKeysWith: { first, _ in first })
    try draft.apply(KeyMap(rules), as: .preset("kohya-to-peft"))
    draft.squeeze(shapes)
    var byPath: [String: Double] = [:]
    for (stem, alpha) in alphas { if let path = paths[stem] { byPath[path] = alpha } }
    try draft.configure(base: base, from: nil, alphas: byPath)
    draft.metadata = draft.metadata.filter { !$0.key.hasPrefix("ss_") }
    draft.kind = .peftAdapter
  }

  static let fromPEFT: @Sendable (inout RenamingDraft, KeyList?) throws(CheckpointError) -> Void = {
    (draft, _) throws(CheckpointError) in
    try draft.refuseAllBut(["lora_A.weight", "lora_B.weight"], for: "kohya's scripts")
    let modules = try draft.modules()
    let prefixes = try draft.kohyaPrefixes(of: modules)
    var rules: [RenameRule] = []
    for (module, prefix) in zip(modules, prefixes) {
      let flat = prefix.flat + "_" + module.path.replacing(".", with: "_")
      rules.append(.prefix(prefix.lead + module.path, to: flat))
    }
    rules += leaves.map { RenameRule(checked: "\\.\(RenameRule.escaped($0.1))$", ".\($0.0)") }
    try draft.apply(KeyMap(rules), as: .preset("peft-to-kohya"))
    try draft.addAlphas(
      zip(modules, prefixes).map { module, prefix in
        (prefix.flat + "_" + module.path.replacing(".", with: "_"), module.alpha)
      })
    draft.configuration = nil
    draft.metadata.removeValue(forKey: DiffusersNames.metadataKey)
    draft.kind = .kohyaAdapter
  }

  static func stem(_ name: String) -> String { String(name.prefix { $0 != "." }) }

  static func unique(_ names: [String]) -> [String] {
    var seen: Set<String> = []
    return names.filter { seen.insert($0).inserted }
  }

  /// The path of the base that each flattened name stands for.
  private static func paths(of stems: [String], in base: KeyList, path: String)
    throws(CheckpointError) -> [String: String]
  {
    var flattened: [String: Set<String>] = [:]
    for entry in base.entries where entry.name.hasSuffix(".weight") {
      let module = String(entry.name.dropLast(".weight".count))
      for flat in flatForms(of: module) { flattened[flat, default: []].insert(module) }
    }
    var paths: [String: String] = [:]
    var missing: [String] = []
    for stem in stems {
      let found = flattened[stem] ?? []
      guard found.count < 2 else {
        throw CheckpointError(
          path: path, tensor: stem,
          "stands for \(found.count) modules of the base \(base.path) alike",
          details: NaturalOrder.sorted(found))
      }
      if let only = found.first { paths[stem] = only } else { missing.append(stem) }
    }
    guard missing.isEmpty else {
      throw CheckpointError(
        path: path,
        "\(missing.count) of the \(stems.count) modules \(missing.count == 1 ? "is" : "are") not "
          + "in the base \(base.path)",
        details: FoldedKeys.lines(missing),
        fix: missing.count < stems.count ? "choose the others with --include" : nil)
    }
    return paths
  }

  /// What kohya's scripts and LyCORIS may call a module of the base.
  private static func flatForms(of module: String) -> [String] {
    var forms: [String] = []
    for component in PipelineComponent.table {
      for lead in [""] + component.inPipeline.map({ $0 + "." }) where module.hasPrefix(lead) {
        let flat = module.dropFirst(lead.count).replacing(".", with: "_")
        forms += component.kohya.map { "\($0)_\(flat)" }
      }
    }
    return forms
  }
}
