import Formats

extension RenamingDraft {
  /// Gives the adapter, whose keys are PEFT's by now, its `adapter_config.json`.
  ///
  /// `alphas` are by module; a module without one has its rank as alpha, as in
  /// kohya's scripts and diffusers. `stated` is a configuration that the file held.
  mutating func configure(
    base: KeyList?, from stated: JSONValue?, alphas: [String: Double], usesMagnitudes: Bool = false
  ) throws(CheckpointError) {
    if let stated {
      configuration = stated
      return
    }
    var modules: [ScaledModule] = []
    for record in tensors.map(\.record) {
      let key = AdapterKey(peft: record.name)
      guard case .leaf(let leaf, _) = key.content, leaf.role == .a || leaf.role == .embeddingA,
        let rank = record.shape.first
      else { continue }
      modules.append(
        ScaledModule(path: key.target, rank: rank, alpha: alphas[key.target] ?? Double(rank)))
    }
    guard let rank = Self.commonest(modules.map(\.rank)),
      let alpha = Self.commonest(modules.map(\.alpha))
    else { throw CheckpointError(path: path, "holds no LoRA factors") }
    let ranks = try Self.patterns(
      modules.map { ($0.path, Double($0.rank)) }, but: Double(rank), field: "rank_pattern")
    let alphaPatterns = try Self.patterns(
      modules.map { ($0.path, $0.alpha) }, but: alpha, field: "alpha_pattern")
    configuration = .object([
      JSONMember("alpha_pattern", alphaPatterns),
      JSONMember("base_model_name_or_path", .null),
      JSONMember("bias", .string("none")),
      JSONMember("fan_in_fan_out", .bool(false)),
      JSONMember("inference_mode", .bool(true)),
      JSONMember("init_lora_weights", .bool(true)),
      JSONMember("lora_alpha", Self.number(alpha)),
      JSONMember("lora_dropout", .number("0.0")),
      JSONMember("modules_to_save", .null),
      JSONMember("peft_type", .string("LORA")),
      JSONMember("r", .number("\(rank)")),
      JSONMember("rank_pattern", ranks),
      JSONMember(
        "target_modules",
        .array(Self.targets(modules.map(\.path), in: base).map(JSONValue.string))),
      JSONMember("task_type", .null),
      JSONMember("use_dora", .bool(usesMagnitudes)),
      JSONMember("use_rslora", .bool(false)),
    ])
  }

  private static func commonest<Value: Hashable & Comparable>(_ values: [Value]) -> Value? {
    var counts: [Value: Int] = [:]
    for value in values { counts[value, default: 0] += 1 }
    return counts.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key
  }

  private static func number(_ value: Double) -> JSONValue {
    Int(exactly: value).map { .number("\($0)") } ?? .number("\(value)")
  }

  /// The values that are not `common`, by module; each name anchored where a plain
  /// one would match another module too.
  private static func patterns(
    _ values: [(path: String, value: Double)], but common: Double, field: String
  )
    throws(CheckpointError) -> JSONValue
  {
    let others = values.filter { $0.value != common }
    let plain = others.map { ModulePatterns.Entry($0.path, $0.value) }
    let anchored = others.map { ModulePatterns.Entry("^\(RenameRule.escaped($0.path))", $0.value) }
    let matcher = try ModulePatternMatcher(ModulePatterns(plain), field: field)
    let isExact = values.allSatisfy { (matcher.value(for: $0.path) ?? common) == $0.value }
    return .object(
      (isExact ? plain : anchored).map { JSONMember($0.key, number($0.value)) })
  }

  /// Names that mean these modules and no others of the base: the last word where
  /// all modules of that name are adapted, else the whole path.
  private static func targets(_ paths: [String], in base: KeyList?) -> [String] {
    guard let base else { return NaturalOrder.sorted(paths) }
    let adapted = Set(paths)
    var complete: [Substring: Bool] = [:]
    for entry in base.entries where entry.name.hasSuffix(".weight") && (entry.shape?.count ?? 2) > 1
    {
      let path = String(entry.name.dropLast(".weight".count))
      guard let word = path.dottedSegments.last else { continue }
      complete[word] = (complete[word] ?? true) && adapted.contains(path)
    }
    let names = paths.map { path -> String in
      guard let word = path.dottedSegments.last, !word.utf8.allSatisfy({ (48...57).contains($0) })
      else { return path }
      return complete[word] == true ? String(word) : path
    }
    return NaturalOrder.sorted(Set(names))
  }

  /// Gives factors of a linear module two axes, and those of a convolution four: the
  /// scripts write 1x1 kernels both ways.
  mutating func squeeze(_ shapes: [ExactName: [Int]?]) {
    for position in tensors.indices {
      let record = tensors[position].record
      let target = AdapterKey(peft: record.name).target
      guard case let shape?? = shapes[ExactName("\(target).weight")] else { continue }
      if shape.count == 2, record.shape.count > 2, record.shape[2...].allSatisfy({ $0 == 1 }) {
        tensors[position].record.setAxes(2)
      } else if shape.count > 2, shape[2...].allSatisfy({ $0 == 1 }), record.shape.count == 2 {
        tensors[position].record.setAxes(shape.count)
      }
    }
  }
}
