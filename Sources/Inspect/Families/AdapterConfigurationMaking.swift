import Formats
import OrderedCollections

extension RenamingDraft {
  /// Gives the adapter, whose keys are PEFT's by now, its `adapter_config.json`.
  ///
  /// `alphas` are by module; a module without one has its rank as alpha, as in
  /// kohya's scripts and diffusers. `stated` is a configuration that the file held;
  /// `fields` are more that `method` has.
  mutating func configure(
    base: KeyList?, from stated: JSONValue?, alphas: [String: Double], usesMagnitudes: Bool = false,
    method: LycorisMethod = .lora, fields: [JSONMember] = []
  ) throws(CheckpointError) {
    if let stated {
      configuration = stated
      return
    }
    let modules = rankedModules(alphas)
    guard let rank = Self.commonest(modules.map(\.rank)),
      let alpha = Self.commonest(modules.map(\.alpha))
    else { throw CheckpointError(path: path, "holds no LoRA factors") }
    let ranks = try Self.patterns(
      modules.map { ($0.path, Double($0.rank)) }, but: Double(rank), field: "rank_pattern")
    let alphaPatterns = try Self.patterns(
      modules.map { ($0.path, $0.alpha) }, but: alpha, field: "alpha_pattern")
    let members =
      [
        JSONMember("alpha_pattern", alphaPatterns),
        JSONMember("base_model_name_or_path", .null),
        JSONMember("inference_mode", .bool(true)),
        JSONMember(method.alphaField, Self.number(alpha)),
        JSONMember("modules_to_save", .null),
        JSONMember("peft_type", .string(method.type)),
        JSONMember("r", .number("\(rank)")),
        JSONMember("rank_pattern", ranks),
        JSONMember(
          "target_modules",
          .array(Self.targets(modules.map(\.path), in: base).map(JSONValue.string))),
        JSONMember("task_type", .null),
      ] + (method.type == LycorisMethod.lora.type ? Self.loraFields(usesMagnitudes) : fields)
    configuration = .object(members.sorted { $0.key < $1.key })
  }

  /// The fields that LoRA alone has.
  private static func loraFields(_ usesMagnitudes: Bool) -> [JSONMember] {
    [
      JSONMember("bias", .string("none")),
      JSONMember("fan_in_fan_out", .bool(false)),
      JSONMember("init_lora_weights", .bool(true)),
      JSONMember("lora_dropout", .number("0.0")),
      JSONMember("use_dora", .bool(usesMagnitudes)),
      JSONMember("use_rslora", .bool(false)),
    ]
  }

  /// The modules with the ranks that their factors show; a Kronecker product of two whole
  /// ones is told by a rank with which PEFT makes them so, and has no scale.
  private func rankedModules(_ alphas: [String: Double]) -> [ScaledModule] {
    var ranks: OrderedDictionary<String, Int> = [:]
    var whole: [String: Int] = [:]
    for record in tensors.map(\.record) {
      let key = AdapterKey(peft: record.name)
      guard case .leaf(let leaf, _) = key.content else { continue }
      if leaf.role == .w2 { whole[key.target] = record.shape.prefix(2).max() }
      let axis = leaf.role == .embeddingA ? 0 : leaf.rankAxis
      guard let axis, axis < record.shape.count else {
        if leaf.role == .w2, ranks[key.target] == nil { ranks[key.target] = 0 }
        continue
      }
      ranks[key.target] = record.shape[axis]
    }
    return ranks.map { path, rank in
      guard rank == 0 else {
        return ScaledModule(path: path, rank: rank, alpha: alphas[path] ?? Double(rank))
      }
      let own = whole[path] ?? 1
      return ScaledModule(path: path, rank: own, alpha: Double(own))
    }
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

  /// Gives LoRA's factors of a linear module two axes, and those of a convolution four: the
  /// scripts write 1x1 kernels both ways.
  mutating func squeeze(_ shapes: [ExactName: [Int]?]) {
    for position in tensors.indices {
      let record = tensors[position].record
      let key = AdapterKey(peft: record.name)
      guard case .leaf(let leaf, _) = key.content, [.a, .b].contains(leaf.role),
        case let shape?? = shapes[ExactName("\(key.target).weight")]
      else { continue }
      if shape.count == 2, record.shape.count > 2, record.shape[2...].allSatisfy({ $0 == 1 }) {
        tensors[position].record.setAxes(2)
      } else if shape.count > 2, shape[2...].allSatisfy({ $0 == 1 }), record.shape.count == 2 {
        tensors[position].record.setAxes(shape.count)
      }
    }
  }
}
