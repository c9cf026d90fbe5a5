import Formats

/// What is counted in a checkpoint to tell which family it belongs to.
struct AdapterSurvey: Sendable {
  static let configurationName = "adapter_config.json"

  /// The number of tensors.
  private(set) var count = 0
  /// The tensors that PEFT's leaves end.
  private(set) var leafCount = 0
  /// The modules with a first factor; embeddings are left out of files.
  private(set) var factorCount = 0
  /// Those of them whose own weight of the base is in the same file.
  private(set) var ownBaseCount = 0
  /// Whether factors have the name of the adapter in theirs, which PEFT leaves out of files.
  private(set) var isOfMemory = false
  /// The tensors that a leaf and a prefix of kohya's scripts or LyCORIS mark.
  private(set) var kohyaCount = 0
  /// The tensors with a component of a pipeline and a leaf of diffusers.
  private(set) var diffusersCount = 0
  /// The factors as MLX names them.
  private(set) var mlxCount = 0
  /// Whether MLX wrote the configuration, of files without any factor.
  private(set) var isConfiguredByMLX = false
  /// The tensors that are PLoRA.
  private(set) var ploraNames: [String] = []
  private(set) var hasConfiguration = false
  private(set) var hasNonLoraTrainables = false
  /// Whether it holds LLaVA's projector itself, beside the configuration of such a model: as
  /// it is in the states of a training.
  private(set) var holdsProjector = false

  init(_ checkpoint: Checkpoint) {
    hasConfiguration = checkpoint.sideFile(Self.configurationName) != nil
    hasNonLoraTrainables = checkpoint.sideFile(LlavaTrainables.fileName) != nil
    count = checkpoint.records.count
    var paths: [Substring] = []
    // A span, so that no record is copied.
    let records = checkpoint.records.span
    for position in records.indices {
      let name = records[position].name
      let marks = NameMarks(name)
      if marks.isEmpty { continue }
      if marks.contains(.component), Self.isDiffusers(name) { diffusersCount += 1 }
      if marks.contains(.plora), PLoRA.ends(name) { ploraNames.append(name) }
      guard marks.contains(.leaf) else { continue }
      if Self.isKohya(name) { kohyaCount += 1 }
      if name.hasSuffix(".lora_a") || name.hasSuffix(".lora_b") { mlxCount += 1 }
      guard AdapterKey.hasLeaf(name) || Self.isMisspelt(name) else { continue }
      leafCount += 1
      guard let module = Self.module(of: name) else { continue }
      paths.append(module.path)
      isOfMemory = isOfMemory || module.isOfMemory
    }
    factorCount = paths.count
    if leafCount > 0, hasConfiguration, !hasNonLoraTrainables,
      records.indices.contains(where: { LlavaTrainables.isProjector(records[$0].name) })
    {
      holdsProjector = (try? ModelConfiguration(beside: checkpoint))?.isLlava ?? false
    }
    if leafCount == 0, mlxCount == 0 {
      isConfiguredByMLX = AdapterConfiguration.isMLX(beside: checkpoint)
    }
    if paths.isEmpty { return }
    let names = Set(checkpoint.records.map(\.name))
    let homeless = paths.filter { path in
      !Self.wrappings.contains { names.contains("\(path)\($0).weight") }
    }
    ownBaseCount = paths.count - homeless.count
    if homeless.isEmpty { return }
    let owners = Set(checkpoint.records.lazy.compactMap { Self.owner(of: $0.name) })
    ownBaseCount += homeless.count { owners.contains($0.prefix(before: Self.wrapping)) }
  }

  /// The module around which PEFT lies, of a parameter of its base; biases are saved with
  /// adapters too, and PLoRA was by a version of PEFT.
  private static func owner(of name: String) -> Substring? {
    let path = name[...].prefix(before: wrapping)
    guard path.endIndex < name.endIndex, !name.hasSuffix(".bias"), !AdapterKey.hasLeaf(name),
      !PLoRA.ends(name)
    else { return nil }
    return path
  }

  private static let wrapping = ".base_layer"

  /// What stands between an adapted module and its weight, which each training on top of
  /// an unmerged adapter puts one level deeper; nothing before PEFT 0.7.
  private static let wrappings = ["", ".base_layer", ".base_layer.base_layer"]

  /// The weights of the base that PEFT itself saves beside a factor A: that of the output,
  /// as the factors of the input's embedding have another name.
  private static let savedBaseLimit = 1

  /// Whether most adapted modules lie beside their own weight, so that no other base
  /// is needed. A configuration tells an adapter, unless there is more of the base
  /// than an adapter ever has, or the names are those of a model in memory.
  var holdsBase: Bool {
    ownBaseCount * 2 > factorCount
      && (ownBaseCount > Self.savedBaseLimit || isOfMemory
        || !hasConfiguration && !hasNonLoraTrainables)
  }

  /// What stands before `.lora_A.weight` or `.lora_A.NAME.weight`, prefixes and all, and
  /// the same for the first factors of other methods; and whether a name is there.
  private static func module(of name: String) -> (path: Substring, isOfMemory: Bool)? {
    var path = name[...]
    if path.hasSuffix(".weight") { path.removeLast(".weight".count) }
    for isOfMemory in [false, true] {
      guard let dot = path.lastIndex(of: ".") else { return nil }
      let segment = path[path.index(after: dot)...]
      path = path[..<dot]
      // PEFT saves the embedding itself beside its factors.
      if firstFactors.contains(segment) || isOfMemory && segment == "lora_embedding_A" {
        return (path, isOfMemory)
      }
    }
    return nil
  }

  /// The factors of which a module has just one.
  private static let firstFactors: Set<Substring> = [
    "lora_A", "hada_w1_a", "lokr_w1", "lokr_w1_a", "ia3_l", "vera_lambda_b", "oft_R", "boft_R",
  ]

  /// Whether a name of PEFT's ends in a factor as another library calls it.
  private static func isMisspelt(_ name: String) -> Bool {
    name.hasPrefix("base_model.model.") && AdapterLeaf.isStray(name)
  }

  private static let kohyaPrefixes = ["lora_unet_", "lora_te", "lycoris_", "lora_transformer_"]

  private static func isKohya(_ name: String) -> Bool {
    kohyaPrefixes.contains { name.hasPrefix($0) } && AdapterKey(kohya: name) != nil
  }

  /// The components of a pipeline that diffusers puts before the path.
  private static let components: Set<Substring> = [
    "unet", "transformer", "transformer_2", "text_encoder", "text_encoder_2", "text_encoder_3",
    "prior", "diffusion_model",
  ]
  /// Those of them that nothing else begins with.
  private static let ownComponents: Set<Substring> = [
    "text_encoder", "text_encoder_2", "text_encoder_3", "diffusion_model",
  ]
  /// What the name of a factor has in it, of which every adapter has some.
  private static let factors = ["lora", ".lokr_", ".hada_"]
  /// The words of which one is in every key of an older diffusers adapter or of a
  /// diffusion transformer, and in none of a GPT-2's, which also begin with
  /// `transformer.`.
  private static let words = [
    "_lora.down.", "_lora.up.", ".lora.down.", ".lora.up.", ".lora_linear_layer.",
    "transformer_blocks.", ".attn.to_", ".attn1.", ".attn2.", "_blocks.",
  ]

  /// What the names begin with that diffusers gave a UNet before there were components,
  /// and the leaves that it had by then.
  private static let bareBeginnings = ["down_blocks.", "up_blocks.", "mid_block."]
  private static let bareLeaves = [
    "lora.down.weight", "lora.up.weight", ".lora_linear_layer.down.weight",
    ".lora_linear_layer.up.weight",
  ]

  /// Whether diffusers wrote such a name for a tensor of an adapter.
  static func isDiffusers(_ name: String) -> Bool {
    if bareBeginnings.contains(where: { name.hasPrefix($0) }) {
      return bareLeaves.contains { name.hasSuffix($0) }
    }
    let component = name.prefix { $0 != "." }
    guard components.contains(component), factors.contains(where: { name.hasBytes($0) }) else {
      return false
    }
    return ownComponents.contains(component) || words.contains { name.hasBytes($0) }
  }
}

extension Substring {
  /// What stands before the first `text`; all of it where there is none.
  fileprivate func prefix(before text: String) -> Substring {
    firstRange(of: text).map { self[..<$0.lowerBound] } ?? self
  }
}
