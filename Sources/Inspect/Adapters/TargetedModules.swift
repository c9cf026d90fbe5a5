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
    case list([String])
    case expression(PythonPattern)

    func covers(_ path: String) -> Bool {
      switch self {
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

  /// Nil where the configuration says nothing, or `all-linear`, or an expression that is
  /// not understood here.
  init?(_ configuration: AdapterConfiguration) {
    switch configuration.targets {
    case .unstated, .names([]), .expression("all-linear"): return nil
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
