public import Formats

/// Finds out which parameter each pair of `target_parameters` is for, and which way
/// round it was trained. The keys of the adapter tell neither.
///
/// PEFT nests the adapters of one module in the order in which its parameters are
/// registered; the innermost is the first. Since PEFT 0.19.1 A has the columns of the
/// parameter's matrices; before, and in models whose experts are transposed, their rows.
public struct ExpertMatching {
  private let adapter: Adapter
  private let base: Checkpoint
  /// `model_type` of the base, where it says so.
  private let modelType: String?
  /// Ranks and alphas of the configuration, whose patterns PEFT matches with the names of
  /// the parameters, not of their modules.
  private let scales: ConfiguredScales?

  /// A pair, its parameter, and whether it updates the transposes of its matrices.
  public struct Match: Sendable {
    public let module: AdapterModule
    public let parameter: ExpertParameter
    public let isTransposed: Bool
  }

  public init(_ adapter: Adapter, base: Checkpoint) throws(CheckpointError) {
    self.adapter = adapter
    self.base = base
    modelType = try ModelConfiguration(beside: base)?.modelType
    scales =
      if let configuration = adapter.configuration {
        try ConfiguredScales(configuration)
      } else { nil }
  }

  /// The match of every pair that is for a parameter; throws where one has none or
  /// several.
  public func matches() throws(CheckpointError) -> [Match] {
    var modules: [String: [AdapterModule]] = [:]
    for module in adapter.modules where module.kind == .parameter {
      modules[module.target, default: []].append(module)
    }
    guard !modules.isEmpty else { return [] }
    let tensors = ExpertBase(base)
    var matches: [Match] = []
    for path in NaturalOrder.sorted(Array(modules.keys)) {
      matches += try self.matches(of: modules[path] ?? [], at: path, in: tensors)
    }
    return matches
  }

  /// The matches of all modules at one path.
  private func matches(of modules: [AdapterModule], at path: String, in tensors: ExpertBase)
    throws(CheckpointError) -> [Match]
  {
    let names = parameterNames(at: path, in: tensors)
    let parameters = names.compactMap { ExpertParameter($0, of: path, in: tensors) }
    guard parameters.count == names.count, !names.isEmpty else {
      if let packed = names.lazy.compactMap({ tensors["\(path).\($0)_blocks"] }).first {
        throw quantised(packed)
      }
      var error = refusal(
        modules[0],
        "is for parameters of \(path.quoted) (\(names.joined(separator: ", "))), which the base "
          + "\(base.path) does not have")
      if RearrangedNames(base).contains("\(path).weight") { error.fix = RearrangedNames.advice }
      throw error
    }
    // The innermost first.
    let ordered = modules.sorted { Self.depth(of: $0) > Self.depth(of: $1) }
    let orders = Self.orders(parameters, count: ordered.count).filter { order in
      zip(ordered, order).allSatisfy { !orientations($0, $1).isEmpty }
    }
    let registered = orders.filter { Self.isRegistered($0.map(\.name)) }
    guard let order = orders.count == 1 ? orders[0] : registered.count == 1 ? registered[0] : nil
    else {
      throw refusal(
        modules[0],
        orders.isEmpty
          ? "has shapes that fit none of \(names.joined(separator: ", ")) of \(path.quoted)"
          : "fits several of \(names.joined(separator: ", ")) of \(path.quoted), and nothing tells "
            + "which was meant")
    }
    var matches: [Match] = []
    for (found, parameter) in zip(ordered, order) {
      let module = scaled(found, for: parameter)
      let possible = orientations(module, parameter)
      let isTransposed = possible.count == 1 ? possible[0] : try trainedTransposed(module)
      matches.append(Match(module: module, parameter: parameter, isTransposed: isTransposed))
    }
    return matches
  }

  /// The names of `target_parameters` that belong to the module.
  private func parameterNames(at path: String, in tensors: ExpertBase) -> [String] {
    let field = adapter.configuration?.json[AdapterFeature.targetParameters.rawValue]
    var names: [String] = []
    for text in field?.array?.compactMap(\.string) ?? [] {
      guard let dot = text.lastIndex(of: ".") else {
        if !names.contains(text), ExpertParameter(text, of: path, in: tensors) != nil {
          names.append(text)
        }
        continue
      }
      let owner = text[..<dot]
      guard path == owner || path.hasSuffix(".\(owner)") else { continue }
      let name = String(text[text.index(after: dot)...])
      if !names.contains(name) { names.append(name) }
    }
    return names
  }

  /// How many modules of PEFT lie around it.
  private static func depth(of module: AdapterModule) -> Int {
    module.tensors.first?.record.name.split(separator: ".").count { $0 == "base_layer" } ?? 0
  }

  /// All ways to give each of `count` pairs a parameter of its own.
  private static func orders(_ parameters: [ExpertParameter], count: Int) -> [[ExpertParameter]] {
    // PEFT wraps at most a handful; more would be a trap.
    guard count > 0, count <= parameters.count, parameters.count <= 4 else {
      return count == 0 ? [[]] : []
    }
    return parameters.indices.flatMap { index in
      var rest = parameters
      let first = rest.remove(at: index)
      return orders(rest, count: count - 1).map { [first] + $0 }
    }
  }

  /// The pair with the rank and the scale that the configuration gives the parameter.
  private func scaled(_ module: AdapterModule, for parameter: ExpertParameter) -> AdapterModule {
    guard let scales else { return module }
    let name = "\(module.target).\(parameter.name)"
    return module.scaled(
      rank: scales.rank(of: name) ?? module.rank, alpha: scales.alpha(of: name) ?? module.alpha,
      by: scales.configuration)
  }

  private static func isRegistered(_ names: [String]) -> Bool {
    let places = names.map { ExpertParameter.registration.firstIndex(of: $0) }
    guard !places.contains(nil) else { return false }
    return places.compactMap(\.self) == places.compactMap(\.self).sorted()
  }

  /// Whether the pair can be for the parameter as it is (false) or the other way round
  /// (true).
  private func orientations(_ module: AdapterModule, _ parameter: ExpertParameter) -> [Bool] {
    guard let a = module.a?.shape, let b = module.b?.shape, a.count == 2, b.count == 2,
      let rank = scaled(module, for: parameter).rank, a[0] == rank * parameter.count, b[1] == a[0]
    else { return [] }
    var found: [Bool] = []
    if a[1] == parameter.columnCount, b[0] == parameter.rowCount { found.append(false) }
    // A single matrix is read as that of nn.Linear.
    if parameter.count > 1, a[1] == parameter.rowCount, b[0] == parameter.columnCount {
      found.append(true)
    }
    return found
  }

  /// Models whose experts are `[in, out]`.
  private static let transposedModels: Set<String> = ["gpt_oss", "aria", "aria_text"]

  /// Of square matrices only the version of PEFT tells.
  private func trainedTransposed(_ module: AdapterModule) throws(CheckpointError) -> Bool {
    let version = adapter.configuration?.json["peft_version"]?.string
    guard let version else {
      throw refusal(
        module,
        "is for square matrices, which versions of PEFT read in two ways, and adapter_config.json "
          + "has no peft_version")
    }
    let numbers = version.split(separator: ".").prefix(3).map { text in
      Int(text.prefix { $0.isNumber }) ?? 0
    }
    let isModelTransposed = modelType.map(Self.transposedModels.contains) ?? false
    if numbers.lexicographicallyPrecedes([0, 19, 0]) { return true }
    if numbers.lexicographicallyPrecedes([0, 19, 1]) { return !isModelTransposed }
    return isModelTransposed
  }

  /// The refusal of experts that lie in the base in few bits each.
  private func quantised(_ packed: TensorRecord) -> CheckpointError {
    CheckpointError(
      path: base.path, tensor: packed.name,
      "is \(packed.type.name) \(packed.shape): the experts of the base are quantised "
        + "(\((base.quantisation ?? "MXFP4").printable)), and an adapter can be merged into BF16, F16, "
        + "F32 and F64 only",
      fix: "load the base with transformers and Mxfp4Config(dequantize=True), save it, and merge "
        + "into that")
  }

  private func refusal(_ module: AdapterModule, _ message: String) -> CheckpointError {
    CheckpointError(path: adapter.path, tensor: module.tensors.first?.record.name, message)
  }
}
