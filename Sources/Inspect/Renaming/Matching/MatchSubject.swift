import Formats

/// What is matched as one: a tensor, or a module of an adapter with all its keys.
struct MatchSubject {
  /// A key of the draft.
  struct Key {
    /// Its place in the draft.
    let position: Int
    /// What stands before and behind the path, and what will.
    let lead: [NamePart]
    let newLead: [NamePart]
    let tail: [NamePart]
    let newTail: [NamePart]
    /// The parts of the path that the key does not have (`weight`).
    let isModule: Bool

    /// The steps for the whole key, with those for the path.
    func steps(_ path: [NameAlignment.Step]) -> [NameAlignment.Step] {
      var steps = lead == newLead ? Self.same(lead) : [.init(old: lead, new: newLead)]
      steps += isModule ? path.dropLast() : path[...]
      steps += tail == newTail ? Self.same(tail) : [.init(old: tail, new: newTail)]
      return steps.filter { !($0.old.isEmpty && $0.new.isEmpty) }
    }

    private static func same(_ parts: [NamePart]) -> [NameAlignment.Step] {
      parts.map { .init(old: [$0], new: [$0]) }
    }

    /// The key for the path that the base has.
    func renamed(to path: String) -> String {
      let parts = isModule ? path.dottedSegments.dropLast() : path.dottedSegments[...]
      let words = newLead.compactMap(\.word) + parts.map(String.init) + newTail.compactMap(\.word)
      return words.joined(separator: ".")
    }
  }

  /// The name that the base would have for it.
  let path: String
  var demand: ShapeDemand
  var keys: [Key]

  /// Whether it is a key that does not hold its path in one piece, so that no place of
  /// the base says what becomes of it.
  var isScattered: Bool { keys.isEmpty }

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
          keys: [
            Key(position: position, lead: [], newLead: [], tail: [], newTail: [], isModule: false)
          ])
      }
    }
    return modules
  }

  private static let peftLead: [NamePart] = [.word("base_model"), .word("model")]

  private static func adapterSubjects(of draft: RenamingDraft) -> [MatchSubject] {
    let family = draft.configuration?["peft_type"]?.string?.lowercased()
    var order: [String: Int] = [:]
    var subjects: [MatchSubject] = []
    var factors: [String: Factors] = [:]
    for (position, tensor) in draft.tensors.enumerated() {
      let key = AdapterKey(peft: tensor.record.name, family: family)
      let leafParts: [NamePart]?
      switch key.content {
      case .leaf(let leaf, _):
        leafParts = NameShape.split(leaf.name).parts
        factors[key.target, default: Factors()].add(leaf.role, tensor)
      case .plain: leafParts = nil
      case .frozenCopy: continue
      }
      guard !key.target.isEmpty else { continue }
      let path = leafParts == nil ? key.target : "\(key.target).weight"
      let found =
        surroundings(of: key.target, in: tensor.record.name)
        ?? (leafParts == nil ? surroundings(ofModuleOf: key.target, in: tensor.record.name) : nil)
      guard let found else {
        subjects.append(MatchSubject(path: tensor.record.name, demand: .unknown, keys: []))
        continue
      }
      let isModule = leafParts != nil || found.isModule
      if order[path] == nil {
        order[path] = subjects.count
        subjects.append(
          MatchSubject(
            path: path,
            demand: leafParts != nil || !tensor.isShapeKnown
              ? .unknown : .shape(tensor.record.shape),
            keys: []))
      }
      subjects[order[path] ?? 0].keys.append(
        Key(
          position: position, lead: found.lead, newLead: peftLead, tail: found.tail,
          newTail: leafParts ?? found.tail, isModule: isModule))
    }
    for (target, found) in factors {
      if let index = order["\(target).weight"] { subjects[index].demand = found.demand }
    }
    return subjects
  }

  /// What stands around a path.
  private struct Surroundings {
    let lead: [NamePart]
    let tail: [NamePart]
    /// Whether the path is that of the tensor's module.
    var isModule = false
  }

  /// What stands around the path; nil where the key does not hold it in one piece.
  private static func surroundings(of path: String, in key: String) -> Surroundings? {
    guard let range = ".\(key).".ranges(of: ".\(path).").last else { return nil }
    let text = ".\(key)."
    let lead = text[..<range.lowerBound].dropFirst()
    let tail = text[range.upperBound...].dropLast()
    return Surroundings(lead: parts(lead), tail: parts(tail))
  }

  /// The same for the module of a tensor of which the key has `base_layer` between the
  /// two.
  private static func surroundings(ofModuleOf tensor: String, in key: String) -> Surroundings? {
    guard let dot = tensor.lastIndex(of: "."),
      key.hasSuffix(".base_layer\(tensor[dot...])"),
      var found = surroundings(of: String(tensor[..<dot]), in: key), found.tail.count == 2
    else { return nil }
    found.isModule = true
    return found
  }

  private static func parts(_ text: Substring) -> [NamePart] {
    text.isEmpty ? [] : NameShape.split(String(text)).parts
  }

  /// The shapes of a module's factors.
  private struct Factors {
    private var a: [Int]?
    private var b: [Int]?
    private var isEmbedding = false

    mutating func add(_ role: AdapterLeaf.Role, _ tensor: RenamingDraft.Tensor) {
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
      guard let a, let b, a.count >= 2, b.count >= 2 else { return .unknown }
      return isEmbedding ? .shape([a[1], b[0]]) : .factors([b[0]] + a[1...])
    }
  }
}
