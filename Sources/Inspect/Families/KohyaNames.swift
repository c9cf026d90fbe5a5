import Formats
import OrderedCollections

/// The names of kohya's scripts: `PREFIX_` and the path with `_` for each dot.
///
/// That cannot be undone by itself: the paths are those of the base whose flattened
/// form it is.
enum KohyaNames {
  static let toPEFT: @Sendable (inout RenamingDraft, KeyList?) throws(CheckpointError) -> Void = {
    (draft, base) throws(CheckpointError) in
    guard let base else { return }
    var alphas = try draft.takeAlphas()
    let method = try LycorisMethod.of(draft.names, path: draft.path)
    var places = try Self.places(of: unique(draft.names.map(stem)), in: base, path: draft.path)
    let shapes = Dictionary(
      base.entries.map { (ExactName($0.name), $0.shape) }, uniquingKeysWith: { first, _ in first })
    if method.isPlain(draft.names) {
      try draft.divide(&places, &alphas, shapes)
    } else if let fused = places.first(where: { $0.value.tensors.count > 1 }) {
      throw CheckpointError(
        path: draft.path, tensor: fused.key,
        "is \(fused.value.tensors.count) modules in the base \(base.path), and only the factors of "
          + "plain LoRA can be divided",
        fix: "give a base in the layout of the file")
    }
    let stems = unique(draft.names.map(stem))
    let paths = places.mapValues { Self.path(of: $0.tensors[0]) }
    var rules = stems.map { stem in
      RenameRule.prefix(stem, to: "base_model.model.\(paths[stem] ?? "")")
    }
    rules += method.leaves.filter { $0.lycoris != $0.peft }.map {
      RenameRule(checked: "\\.\(RenameRule.escaped($0.lycoris))$", ".\($0.peft)")
    }
    try draft.apply(KeyMap(rules), as: .preset("kohya-to-peft"))
    draft.squeeze(shapes)
    let usesMagnitudes = try draft.placeMagnitudes(shapes)
    var byPath: [String: Double] = [:]
    for (stem, alpha) in alphas { if let path = paths[stem] { byPath[path] = alpha } }
    let fields =
      method.type == LycorisMethod.lora.type ? [] : try draft.factorFields(method, shapes)
    try draft.configure(
      base: base, from: nil, alphas: byPath, usesMagnitudes: usesMagnitudes, method: method,
      fields: fields)
    draft.metadata = draft.metadata.filter { !$0.key.hasPrefix("ss_") }
    draft.kind = .peftAdapter
  }

  static let fromPEFT: @Sendable (inout RenamingDraft, KeyList?) throws(CheckpointError) -> Void = {
    (draft, base) throws(CheckpointError) in
    let spellings = KeyMap(DiffusersNames.historic).withEffect(on: draft.names)
    if !spellings.rules.isEmpty { try draft.apply(spellings, as: .preset("peft-to-kohya")) }
    let method = draft.names.contains { $0.contains(".hada_") } ? LycorisMethod.loha : .lora
    try draft.refuseAllBut(Set(method.leaves.map(\.peft)), for: "kohya's scripts")
    let named = try draft.modules()
    let unfused = try draft.kohyaPlaces(of: named)
    let inTransformer = unfused.filter { $0.component.layout == .transformer }.map(\.path)
    let isPlain =
      method.type == LycorisMethod.lora.type
      && !draft.names.contains { $0.hasSuffix(LycorisMethod.magnitude) }
    if !isPlain, !inTransformer.isEmpty, FluxNames.isShown(by: inTransformer, base: base) != false {
      throw CheckpointError(
        path: draft.path,
        "may be for Flux, whose modules kohya's scripts put together, and that keeps plain LoRA "
          + "alone; expected another model, or lora_A and lora_B and nothing else",
        fix: base == nil ? "add --to-match with the base" : nil)
    }
    let (modules, places) = try draft.fuseFlux(named, unfused, base)
    let stems = flattened(places, base)
    var rules = zip(places, stems).map { RenameRule.prefix($0.lead + $0.path, to: $1) }
    let leaves = method.leaves.filter { leaf in
      leaf.lycoris != leaf.peft && draft.names.contains { $0.hasSuffix(".\(leaf.peft)") }
    }
    rules += leaves.map {
      RenameRule(checked: "\\.\(RenameRule.escaped($0.peft))$", ".\($0.lycoris)")
    }
    try draft.apply(KeyMap(rules), as: .preset("peft-to-kohya"))
    draft.placeScales()
    try draft.addAlphas(zip(stems, modules).map { ($0, $1.alpha) })
    draft.configuration = nil
    draft.metadata.removeValue(forKey: PackedConfigurations.key)
    draft.kind = .kohyaAdapter
  }

  /// What the modules are called flattened, in the layout of the base if there is one:
  /// kohya's scripts flatten the original names of SDXL, and those of diffusers for
  /// SD 1.
  private static func flattened(_ places: [KohyaPlace], _ base: KeyList?) -> [String] {
    let names = Set(base?.names ?? [])
    return places.map { place in
      let others = base == nil ? [] : UNetNames.originals(place.path)
      let leads = [""] + place.component.inPipeline.map { "\($0)." }
      let path = others.first { other in
        leads.contains { names.contains("\($0)\(other).weight") }
      }
      return place.prefix + "_" + (path ?? place.originalPath).replacing(".", with: "_")
    }
  }

  static func stem(_ name: String) -> String { String(name.prefix { $0 != "." }) }

  /// The flattened path without what the dot behind it became.
  static func withoutDot(_ stem: String) -> String {
    String(stem.dropLast(stem.reversed().prefix { $0 == "_" }.count))
  }

  static func unique(_ names: [String]) -> [String] {
    var seen: Set<String> = []
    return names.filter { seen.insert($0).inserted }
  }

  /// The path of a module from the name of its weight.
  static func path(of tensor: String) -> String { String(tensor.dropLast(".weight".count)) }

  /// The place in the base that each flattened name stands for.
  private static func places(of stems: [String], in base: KeyList, path: String)
    throws(CheckpointError) -> [String: BasePlace]
  {
    let modules = PipelineModules(base.names, style: .flattened)
    let names = Set(base.names)
    var places: [String: BasePlace] = [:]
    var missing: [String] = []
    for stem in stems {
      let found = modules[stem]
      guard found.count < 2 else {
        throw CheckpointError(
          path: path, tensor: stem,
          "stands for \(found.count) modules of the base \(base.path) alike",
          details: NaturalOrder.sorted(found.flatMap(\.tensors)))
      }
      switch found.first {
      case .whole: places[stem] = found.first
      case .parts(let parts) where names.isSuperset(of: parts): places[stem] = found.first
      case .parts: missing.append(stem)
      case .part(let tensor, let index, let count):
        throw CheckpointError(
          path: path, tensor: stem,
          "is part \(index + 1) of \(count) of \(tensor.quoted) in the base \(base.path), and a "
            + "PEFT adapter has no name for a part",
          fix: "give a base in the layout of transformers")
      case .transposed(let tensor):
        throw CheckpointError(
          path: path, tensor: stem,
          "is \(tensor.quoted) in the base \(base.path), which is no module's weight, and a PEFT "
            + "adapter has no name for it",
          fix: "give a base in the layout of transformers")
      case nil: missing.append(stem)
      }
    }
    guard missing.isEmpty else {
      throw CheckpointError(
        path: path,
        "\(missing.count) of the \(stems.count) modules \(missing.count == 1 ? "is" : "are") not "
          + "in the base \(base.path)",
        details: FoldedKeys.lines(missing),
        fix: missing.count < stems.count ? "choose the others with --include" : nil)
    }
    return places
  }
}
