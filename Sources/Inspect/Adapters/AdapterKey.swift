/// A key of an adapter's file taken apart.
struct AdapterKey {
  /// The path of the module as the base names it; for a plain tensor, the name of
  /// the tensor of the base.
  var target: String
  /// The segments of the key of which the target is made.
  var path: [Substring] = []
  /// What the tensor is to the module.
  var content: Content
  /// The name of the adapter where the key carries it: `default` in
  /// `lora_A.default.weight`.
  var adapterName: Substring?
  /// The wrappers that were removed.
  var wrappers: [Substring]
  /// How often `base_model.model` stood in it.
  var modelPrefixCount: Int

  enum Content {
    case leaf(AdapterLeaf, isNested: Bool)
    case plain(AdapterReplacement.Kind)
    /// A copy beside a module of `modules_to_save`: the untrained one, or the trained one
    /// again, under a name that PEFT does not read.
    case frozenCopy
  }

  /// Takes a key of PEFT apart: `base_model.model.` + path + leaf.
  ///
  /// Everything is compared by whole segments: `Plora_A` holds `lora_A` and is no
  /// LoRA. `family` is the method that the configuration names.
  init(peft key: String, family: String? = nil) {
    var segments = key.dottedSegments
    wrappers = KeyWrappers.strip(&segments)
    modelPrefixCount = Self.stripModelPrefix(&segments)
    target = ""
    content = .plain(.module)
    if let found = Self.leaf(in: segments, family: family) {
      adapterName = found.adapterName
      segments.removeLast(segments.count - found.start)
      let isNested = segments.last == "base_layer"
      segments.removeAll { $0 == "base_layer" }
      // Tensors that all modules share lie above the model.
      if segments == ["base_model"] { segments = [] }
      path = segments
      target = segments.joined(separator: ".")
      content = .leaf(found.leaf, isNested: isNested)
    } else {
      plain(segments)
    }
  }

  /// Removes the first `base_model.model`; returns how many there are in a row.
  private static func stripModelPrefix(_ segments: inout [Substring]) -> Int {
    guard
      let start = segments.indices.dropLast().first(where: {
        segments[$0] == "base_model" && segments[$0 + 1] == "model"
      }), start + 2 < segments.count
    else { return 0 }
    segments.removeSubrange(start..<start + 2)
    var count = 1
    var next = start
    while next + 1 < segments.count, segments[next] == "base_model", segments[next + 1] == "model" {
      count += 1
      next += 2
    }
    return count
  }

  /// The leaf at the end: `leaf`, `leaf.weight`, `leaf.NAME` or `leaf.NAME.weight`.
  private static func leaf(
    in segments: [Substring], family: String?
  ) -> (leaf: AdapterLeaf, start: Int, adapterName: Substring?)? {
    let last = segments.count - 1
    let ending: Substring? =
      segments.last.flatMap { $0 == "weight" || $0 == "bias" ? $0 : nil }
    let end = ending == nil ? last : last - 1
    if end >= 0, let leaf = AdapterLeaf.peft(segments[end], ending: ending, family: family) {
      return (leaf, end, nil)
    }
    if end >= 1, let leaf = AdapterLeaf.peft(segments[end - 1], ending: ending, family: family) {
      return (leaf, end - 1, segments[end])
    }
    return nil
  }

  /// What stands before the prefix of a PEFT model inside another.
  static func beginning(of name: String) -> Substring {
    name.firstRange(of: "base_model.model.").map { name[..<$0.lowerBound] } ?? ""
  }

  /// Whether a leaf of PEFT ends the name.
  static func hasLeaf(_ name: String) -> Bool {
    leaf(in: name.dottedSegments, family: nil) != nil
  }

  /// The key as PEFT saves it: without the name of the adapter.
  static func saved(_ key: String) -> String {
    var segments = key.dottedSegments
    if let found = leaf(in: segments, family: nil), found.adapterName != nil {
      segments.remove(at: found.start + 1)
      // In memory alone with `.weight`.
      if segments[found.start] == "lora_magnitude_vector" {
        segments.removeSubrange((found.start + 1)...)
      }
    } else if let rows = segments.lastIndex(of: "trainable_tokens_delta") {
      segments.removeSubrange((rows + 1)...)
    }
    return segments.joined(separator: ".")
  }

  /// Whether PEFT saves factors under names of this form: its own beginning once, no
  /// wrapper and no name of an adapter.
  static func isSaved(_ name: String) -> Bool {
    let key = AdapterKey(peft: name)
    return name.hasPrefix("base_model.model.") && key.wrappers.isEmpty
      && key.modelPrefixCount == 1 && key.adapterName == nil && hasLeaf(name)
  }

  /// What PEFT keeps of a module that was trained whole.
  enum SavedCopy: Equatable {
    case trained(adapter: Substring)
    /// The untrained one, or the trained one under a name that PEFT does not read.
    case frozen
  }

  /// Removes what PEFT puts into the names of a module that was trained whole.
  static func removeSavedCopy(_ segments: inout [Substring]) -> SavedCopy? {
    if let copy = segments.firstIndex(of: "modules_to_save"), copy + 2 < segments.count {
      let adapter = segments[copy + 1]
      segments.removeSubrange(copy...copy + 1)
      return .trained(adapter: adapter)
    }
    guard
      let copy = segments.firstIndex(where: { $0 == "original_module" || $0 == "modules_to_save" })
    else { return nil }
    segments.remove(at: copy)
    return .frozen
  }

  /// A key without a leaf: a tensor of the base that was saved with the adapter.
  private mutating func plain(_ segments: [Substring]) {
    var segments = segments
    var kind = AdapterReplacement.Kind.module
    let copy = Self.removeSavedCopy(&segments)
    if case .trained(let adapter) = copy {
      adapterName = adapter
    } else if copy == .frozen {
      path = segments
      target = segments.joined(separator: ".")
      content = .frozenCopy
      return
    } else if let delta = segments.firstIndex(of: "trainable_tokens_delta"),
      delta >= segments.count - 2
    {
      if delta + 1 < segments.count { adapterName = segments[delta + 1] }
      segments.removeSubrange(delta...)
      if segments.last == "token_adapter" { segments.removeLast() }
      kind = .tokenRows
    } else if let layer = segments.firstIndex(of: "base_layer") {
      // The embedding of which rows were trained.
      if layer > 0, segments[layer - 1] == "token_adapter" { segments.remove(at: layer - 1) }
      kind = .baseLayer
    } else if segments.last == "bias" {
      kind = .bias
    }
    segments.removeAll { $0 == "base_layer" }
    if segments.contains(where: PLoRA.isSegment) { kind = .plora }
    path = segments
    if kind == .tokenRows { segments.append("weight") }
    target = segments.joined(separator: ".")
    content = .plain(kind)
  }
}

/// The parts of InternLM-XComposer that are called after LoRA and are none: they
/// belong to the base and act on image tokens alone, so they cannot be folded into
/// its weights.
public enum PLoRA {
  private static let segments: Set<Substring> = [
    "Plora_A", "Plora_B", "plora_glb_GN", "plora_sub_GN",
  ]

  static func isSegment(_ segment: Substring) -> Bool { segments.contains(segment) }

  /// Whether the name has one of them as its last segment, or before `weight`.
  static func ends(_ name: String) -> Bool {
    endings.contains { name.hasSuffix($0.dotted) || name == $0.whole }
  }

  private static let endings = segments.sorted().flatMap { segment in
    ["\(segment)", "\(segment).weight"].map { (whole: $0, dotted: ".\($0)") }
  }
}
