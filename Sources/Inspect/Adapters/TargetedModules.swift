import Formats

/// Which modules PEFT adapts by a configuration, whatever tensors there are
/// (`check_target_module_exists`).
struct TargetedModules {
  enum Verdict: Hashable {
    case targeted
    /// No name and no expression of `target_modules` is for it.
    case unnamed
    /// The field leaves it out.
    case excluded(by: String)
  }

  private enum Names {
    /// `all-linear`: what of a model is linear, its tensors only hint at.
    case everyLinear
    case list([String])
    case expression(PythonPattern)

    func covers(_ path: String) -> Bool {
      switch self {
      case .everyLinear: true
      case .list(let names): names.contains { TargetedModules.covers($0, path) }
      case .expression(let pattern): pattern.matchesWhole(path)
      }
    }
  }

  private let targets: Names
  private let excluded: Names?
  private let saved: [PythonPattern]
  private let layers: Set<Int>?
  /// What finds the number of a layer, as its last group.
  private let layerNumbers: [PythonPattern]

  /// Nil where the configuration says nothing, or an expression that is not understood here.
  init?(_ configuration: AdapterConfiguration) {
    switch configuration.targets {
    case .unstated, .names([]): return nil
    case .expression(let word) where word.lowercased() == "all-linear": targets = .everyLinear
    case .names(let names): targets = .list(names)
    case .expression(let text):
      guard let pattern = try? PythonPattern(text) else { return nil }
      targets = .expression(pattern)
    }
    let json = configuration.json
    switch json["exclude_modules"] {
    case .string(let text)? where !text.isEmpty:
      guard let pattern = try? PythonPattern(text) else { return nil }
      excluded = .expression(pattern)
    case .array(let names)? where !names.isEmpty: excluded = .list(names.compactMap(\.string))
    default: excluded = nil
    }
    saved = configuration.modulesToSave.compactMap { name in
      try? PythonPattern("(^|.*\\.)\(name)($|\\..*)")
    }
    let numbers = json["layers_to_transform"]
    let listed = numbers?.array?.compactMap(\.int) ?? numbers?.int.map { [$0] } ?? []
    layers = listed.isEmpty ? nil : Set(listed)
    let field = json["layers_pattern"]
    let words = (field?.array?.compactMap(\.string) ?? field?.string.map { [$0] } ?? [])
      .filter { !$0.isEmpty }
    let sources =
      words.isEmpty
      ? ["^.*?\\.[^.]*\\.(\\d+)\\."] : words.map { "^(?:|.*?\\.)\($0)\\.(\\d+)\\." }
    layerNumbers = sources.compactMap { try? PythonPattern($0) }
    guard layerNumbers.count == sources.count else { return nil }
  }

  /// As PEFT has it: the whole path, or its end after a dot.
  static func covers(_ name: String, _ path: String) -> Bool {
    path == name || path.hasSuffix(".\(name)")
  }

  /// Whether the fields that leave modules out may leave out all that a name of
  /// `target_modules` is for; the path before it may be any.
  func mayExclude(_ name: String) -> Bool {
    if case .excluded = verdict(of: name) { return true }
    return switch excluded {
    case .list(let names): names.contains { Self.covers(name, $0) }
    // An expression for whole paths says nothing of a mere end.
    case .expression: true
    case .everyLinear, nil: false
    }
  }

  /// Whether PEFT adapts a module of a base, as far as its path shows that; `others` are
  /// names of modules that it adapted elsewhere.
  func covers(_ path: String, like others: Set<Substring>) -> Bool {
    guard verdict(of: path) == .targeted else { return false }
    guard case .everyLinear = targets, let name = path.dottedSegments.last else { return true }
    return Self.linear.contains(name) || others.contains(name)
  }

  /// What is linear in every model that has a module of this name.
  private static let linear: Set<Substring> = [
    "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "qkv_proj",
    "gate_up_proj",
  ]

  func verdict(_ module: AdapterModule) -> Verdict { verdict(of: module.targetedPath) }

  func verdict(of path: String) -> Verdict {
    if excluded?.covers(path) == true { return .excluded(by: "exclude_modules") }
    if saved.contains(where: { $0.matchesPrefix(of: path) }) {
      return .excluded(by: "modules_to_save")
    }
    guard targets.covers(path) else { return .unnamed }
    guard case .list(let names) = targets, !names.contains(path), let layers else {
      return .targeted
    }
    let number = layerNumbers.lazy.compactMap { pattern in
      pattern.firstMatch(in: path)?.text(of: pattern.groupCount).flatMap { Int($0) }
    }.first
    return number.map(layers.contains) == true
      ? .targeted : .excluded(by: "layers_to_transform")
  }
}

extension AdapterModule {
  /// The path by which `target_modules` is for it: PEFT adapts the output of a fused
  /// attention (nn.MultiheadAttention) along with the attention.
  var targetedPath: String {
    isFusedAttentionOutput ? String(target.dropLast(".out_proj".count)) : target
  }

  /// Whether it was adapted only because the attention around it was.
  public var isFusedAttentionOutput: Bool {
    target.hasSuffix(".out_proj")
      && tensors.contains { $0.record.name.contains(".base_layer.out_proj.") }
  }
}
