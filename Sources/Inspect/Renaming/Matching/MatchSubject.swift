import Formats

/// What is matched as one: a tensor, or a module of an adapter with all its keys.
struct MatchSubject {
  /// The name that the base would have for it.
  let path: String
  var demand: ShapeDemand
  var keys: [Key]

  /// The subjects of a draft: of an adapter the modules and replacements, of
  /// anything else the tensors.
  static func subjects(of draft: RenamingDraft) -> [MatchSubject] {
    let survey = AdapterSurvey(
      Checkpoint(path: draft.path, format: .safetensors, records: draft.tensors.map(\.record)))
    let isAdapter = survey.leafCount > 0 && survey.ownBaseCount * 2 <= survey.factorCount
    let modules = isAdapter ? adapterSubjects(of: draft) : []
    // A leaf that stands alone acts on nothing.
    guard modules.contains(where: { $0.keys.contains(where: \.isModule) }) else {
      return draft.tensors.indices.map { position in
        let tensor = draft.tensors[position]
        return MatchSubject(
          path: tensor.record.name,
          demand: tensor.isShapeKnown ? .shape(tensor.record.shape) : .unknown,
          keys: [Key(position: position)])
      }
    }
    return modules
  }

  private static func adapterSubjects(of draft: RenamingDraft) -> [MatchSubject] {
    let family = draft.configuration?["peft_type"]?.string?.lowercased()
    var order: [String: Int] = [:]
    var subjects: [MatchSubject] = []
    var factors: [String: Factors] = [:]
    for (position, tensor) in draft.tensors.enumerated() {
      let key = AdapterKey(peft: tensor.record.name, family: family)
      if case .frozenCopy = key.content { continue }
      guard !key.target.isEmpty else { continue }
      guard let found = Key(key, of: tensor.record.name, at: position) else {
        // Nothing of its name is a path: it is one by itself.
        subjects.append(
          MatchSubject(
            path: tensor.record.name, demand: .unknown, keys: [Key(position: position)]))
        continue
      }
      let path: String
      var demand = ShapeDemand.unknown
      switch key.content {
      case .leaf(let leaf, let isNested):
        path = "\(key.target).weight"
        factors[key.target, default: Factors()].add(leaf.role, tensor, isNested: isNested)
      case .plain(.tokenRows), .frozenCopy: path = key.target
      case .plain:
        path = key.target
        if tensor.isShapeKnown { demand = .shape(tensor.record.shape) }
      }
      if order[path] == nil {
        order[path] = subjects.count
        subjects.append(MatchSubject(path: path, demand: demand, keys: []))
      }
      subjects[order[path] ?? 0].keys.append(found)
    }
    for (target, found) in factors {
      if let index = order["\(target).weight"] { subjects[index].demand = found.demand }
    }
    return subjects
  }

  /// The shapes of a module's factors.
  private struct Factors {
    private var a: [Int]?
    private var b: [Int]?
    private var isEmbedding = false
    /// Whether they are of two parameters of one module.
    private var isPair = false

    mutating func add(
      _ role: AdapterLeaf.Role, _ tensor: RenamingDraft.Tensor, isNested: Bool
    ) {
      isPair = isPair || isNested
      guard tensor.isShapeKnown else { return }
      switch role {
      case .a: a = tensor.record.shape
      case .b: b = tensor.record.shape
      case .embeddingA:
        a = tensor.record.shape
        isEmbedding = true
      case .embeddingB: b = tensor.record.shape
      default: return
      }
    }

    var demand: ShapeDemand {
      guard let a, let b, a.count >= 2, b.count >= 2, !isPair else { return .unknown }
      return isEmbedding ? .shape([a[1], b[0]]) : .factors([b[0]] + a[1...])
    }
  }
}
