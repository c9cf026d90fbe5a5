public import Formats

/// What an adapter's `adapter_config.json` says, checked field by field.
public struct AdapterConfiguration: Sendable, Hashable {
  /// The file, for error texts.
  public let path: String
  /// `peft_type` in lower case: `lora`, `loha`, `ia3`…; `lora` where it is missing.
  public let family: String
  /// `base_model_name_or_path`.
  public let base: String?
  /// `r`, or PEFT's default for it; of AdaLoRA the rank before any was taken away; nil for
  /// families without a rank.
  public let rank: Int?
  /// `lora_alpha` (`alpha` for LoHa and LoKr), or PEFT's default for it; nil for
  /// families without it.
  public let alpha: Double?
  /// The scale of all modules, where the file states it instead of alpha (MLX).
  public let scale: Double?
  /// `use_rslora`: the scale is alpha/√r instead of alpha/r.
  public let isRankStabilized: Bool
  public let rankPattern: ModulePatterns
  public let alphaPattern: ModulePatterns
  /// `fan_in_fan_out`: the base stores its weights as `[in, out]`.
  public let isFanInFanOut: Bool
  public let targets: TargetModules
  /// `modules_to_save`.
  public let modulesToSave: [String]
  /// What it asks for beyond plain factors.
  public let features: [AdapterFeature]
  /// The whole file.
  public let json: JSONValue

  /// Which modules were trained, as the configuration says it.
  public enum TargetModules: Sendable, Hashable {
    case unstated
    case names([String])
    /// A regular expression for whole paths, or a word such as `all-linear`.
    case expression(String)
  }

  /// Reads `json`, the content of the file at `path`.
  public init(_ json: JSONValue, path: String) throws(CheckpointError) {
    let fields = try ConfigurationFields(json, path: path)
    let defaults = Self.defaults(of: try fields.string("peft_type")?.lowercased() ?? "lora")
    self.path = path
    family = defaults.family
    base = try fields.string("base_model_name_or_path")
    // To other methods the same fields mean something else.
    let isScaled = UnmergeableMethod.isMerged(family) && !["oft", "boft"].contains(family)
    rank =
      family == "adalora"
      ? try Self.initialRank(fields, json)
      : isScaled ? try fields.positiveInt("r") ?? defaults.rank : nil
    alpha = isScaled ? try fields.finiteDouble(defaults.alphaField) ?? defaults.alpha : nil
    scale = nil
    isRankStabilized = try fields.bool("use_rslora") ?? false
    // AdaLoRA notes there which of the ranks are left, as the tensors show anyway.
    rankPattern = family == "adalora" ? ModulePatterns([]) : try fields.ranks("rank_pattern")
    alphaPattern = try fields.numbers("alpha_pattern")
    isFanInFanOut = try fields.bool("fan_in_fan_out") ?? false
    targets = try fields.targets("target_modules")
    modulesToSave = try fields.strings("modules_to_save")
    features = AdapterFeature.active(in: json)
    self.json = json
  }

  /// `init_r`, or the number of ranks of which `rank_pattern` says whether they are left.
  private static func initialRank(_ fields: ConfigurationFields, _ json: JSONValue)
    throws(CheckpointError) -> Int?
  {
    if let rank = try fields.positiveInt("init_r") { return rank }
    return json["rank_pattern"]?.object?.first?.value.array?.count
  }

  /// The rows of embeddings that were trained by themselves: a list, or lists by module.
  public var tokenIndices: JSONValue? {
    json[AdapterFeature.trainableTokens.rawValue]
      ?? (family == "trainable_tokens" ? json["token_indices"] : nil)
  }

  /// Whether PEFT trains a copy of the module at `path`, or of one around it: of the names in
  /// `modules_to_save` it compares the letters at the end, so that `norm` is for
  /// `input_layernorm` as well.
  func saves(_ path: String) -> Bool { modulesToSave.contains { Self.saves($0, path) } }

  static func saves(_ name: String, _ path: String) -> Bool { "\(path).".contains("\(name).") }

  /// A configuration that says no more than this.
  init(
    path: String, family: String, base: String?, rank: Int?, alpha: Double?, scale: Double?,
    features: [AdapterFeature] = [], json: JSONValue
  ) {
    self.path = path
    self.family = family
    self.base = base
    self.rank = rank
    self.alpha = alpha
    self.scale = scale
    isRankStabilized = false
    rankPattern = ModulePatterns([])
    alphaPattern = ModulePatterns([])
    isFanInFanOut = false
    targets = .unstated
    modulesToSave = []
    self.features = features
    self.json = json
  }

  /// Reads the file at `path`.
  public init(path: String) throws(CheckpointError) {
    try self.init(try InputFile.json(at: path), path: path)
  }

  private struct Defaults {
    let family: String
    let rank: Int?
    let alphaField: String
    let alpha: Double?
  }

  /// What PEFT takes for a field that is missing.
  private static let table = [
    Defaults(family: "lora", rank: 8, alphaField: "lora_alpha", alpha: 8),
    Defaults(family: "loha", rank: 8, alphaField: "alpha", alpha: 8),
    Defaults(family: "lokr", rank: 8, alphaField: "alpha", alpha: 8),
    Defaults(family: "adalora", rank: nil, alphaField: "lora_alpha", alpha: 8),
    Defaults(family: "vera", rank: 256, alphaField: "lora_alpha", alpha: nil),
  ]

  private static func defaults(of family: String) -> Defaults {
    table.first { $0.family == family }
      ?? Defaults(family: family, rank: nil, alphaField: "lora_alpha", alpha: nil)
  }
}

/// The rank and alpha of single modules, with the patterns compiled.
public struct ConfiguredScales {
  let configuration: AdapterConfiguration
  private let ranks: ModulePatternMatcher
  private let alphas: ModulePatternMatcher

  public init(_ configuration: AdapterConfiguration) throws(CheckpointError) {
    self.configuration = configuration
    do {
      ranks = try ModulePatternMatcher(configuration.rankPattern, field: "rank_pattern")
      alphas = try ModulePatternMatcher(configuration.alphaPattern, field: "alpha_pattern")
    } catch {
      throw error.with(path: configuration.path)
    }
  }

  /// The rank that the configuration gives the module at `path`.
  public func rank(of path: String) -> Int? {
    ranks.value(for: path).flatMap { Int(exactly: $0) } ?? configuration.rank
  }

  /// The alpha that the configuration gives the module at `path`.
  public func alpha(of path: String) -> Double? { alphas.value(for: path) ?? configuration.alpha }
}
