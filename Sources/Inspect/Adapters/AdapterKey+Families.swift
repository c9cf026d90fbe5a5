extension AdapterKey {
  private init(_ target: some StringProtocol, _ leaf: AdapterLeaf) {
    self.init(target, .leaf(leaf, isNested: false))
  }

  private init(_ target: some StringProtocol, _ content: Content) {
    self.target = String(target)
    self.content = content
    wrappers = []
    modelPrefixCount = 0
  }

  /// Takes a key of kohya's scripts or LyCORIS apart: a path with `_` for each dot,
  /// then a leaf. Nil where the leaf is none of theirs.
  init?(kohya key: String) {
    let segments = key.dottedSegments
    guard let first = segments.first, segments.count == 2 || segments.count == 3,
      let leaf = AdapterLeaf.kohya(segments[1], ending: segments.dropFirst(2).first)
    else { return nil }
    self.init(first, leaf)
  }

  /// Takes a key of MLX apart: the path, then `lora_a`, `lora_b` or `m`. Weights and biases
  /// that were trained as a whole have the base's names. Nil for anything else.
  init?(mlx key: String) {
    let segments = key.dottedSegments
    guard segments.count > 1, let last = segments.last else { return nil }
    if let leaf = AdapterLeaf.mlx(last) {
      self.init(segments.dropLast().joined(separator: "."), leaf)
    } else if last == "weight" || last == "bias" {
      self.init(key, .plain(.module))
    } else {
      return nil
    }
  }

  /// Takes a key of diffusers apart: component, path and a leaf in today's spelling, in
  /// an older one, or in that of kohya's scripts.
  init?(diffusers key: String) {
    var segments = key.dottedSegments
    if let leaf = Self.historicLeaf(&segments) ?? Self.kohyaLeaf(&segments) {
      self.init(segments.joined(separator: "."), leaf)
    } else {
      self.init(peft: key)
    }
  }

  /// Whether a leaf in a spelling that diffusers wrote before it used PEFT's ends the name.
  static func hasHistoricLeaf(_ name: String) -> Bool {
    var segments = name.dottedSegments
    return historicLeaf(&segments) != nil
  }

  /// Takes `….processor.to_q_lora.down.weight`, `….lora.up.weight` or
  /// `….lora_linear_layer.up.weight` off and puts the layer's own name in its place.
  private static func historicLeaf(_ segments: inout [Substring]) -> AdapterLeaf? {
    guard segments.count > 3, segments.last == "weight",
      let direction = ["down": "lora_A", "up": "lora_B"][segments[segments.count - 2]]
    else { return nil }
    let layer = segments[segments.count - 3]
    let names: [Substring]
    if layer == "lora" || layer == "lora_linear_layer" {
      names = []
    } else if layer.hasSuffix("_lora") {
      let isText = segments[0].hasPrefix("text_encoder")
      let name = layer.dropLast("_lora".count)
      if isText, name.hasPrefix("to_") {
        names = ["\(name.dropFirst("to_".count))_proj"]
      } else {
        names = name == "to_out" ? ["to_out", "0"] : [name]
      }
    } else {
      return nil
    }
    segments.removeLast(3)
    segments.removeAll { $0 == "processor" }
    segments += names
    return AdapterLeaf.peft(Substring(direction), ending: "weight", family: nil)
  }

  /// Takes a leaf of kohya's scripts off the end.
  private static func kohyaLeaf(_ segments: inout [Substring]) -> AdapterLeaf? {
    for (count, isEnded) in [(1, false), (2, true)] where segments.count > count {
      let start = segments.count - count
      guard
        let leaf = AdapterLeaf.kohya(
          segments[start], ending: isEnded ? segments[start + 1] : nil),
        // Plain `weight` is IA3's in a flattened name alone.
        leaf.name != "weight"
      else { continue }
      segments.removeLast(count)
      return leaf
    }
    return nil
  }
}
