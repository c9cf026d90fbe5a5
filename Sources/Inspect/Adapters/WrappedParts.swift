import Formats

/// The tensors of a wrapped checkpoint by what they belong to.
struct WrappedParts {
  /// By the number of `base_layer` around the pair: how deep it lies.
  private var factors: [Int: [TensorRecord]] = [:]
  private var plain: [(target: String, record: TensorRecord)] = []
  private var saved: Set<String> = []
  private var frozen: [(target: String, record: TensorRecord)] = []
  /// The matrices that all modules share, each of which has them under its own name.
  private var shared: Set<String> = []
  /// Whether some pairs are for parameters: then depth does not tell one training from
  /// another, but one parameter of a module from the next.
  private let hasParameters: Bool

  init(hasParameters: Bool) { self.hasParameters = hasParameters }

  mutating func add(_ record: TensorRecord) {
    let key = Self.key(record.name)
    switch key.content {
    case .leaf(let leaf, _) where leaf.isShared && !shared.insert(leaf.name).inserted: break
    case .leaf, .plain(.tokenRows):
      let depth = hasParameters ? 0 : Self.depth(of: record.name)
      factors[depth, default: []].append(record)
    case .frozenCopy: frozen.append((key.target, record))
    case .plain:
      if key.adapterName != nil { saved.insert(key.target) }
      plain.append((key.target, record))
    }
  }

  /// The key without any of the prefixes that wrapping a model puts before its part.
  static func key(_ name: String) -> AdapterKey {
    var segments = name.dottedSegments
    var index = 0
    while index + 2 < segments.count {
      if segments[index] == "base_model", segments[index + 1] == "model" {
        segments.removeSubrange(index...index + 1)
      } else {
        index += 1
      }
    }
    return AdapterKey(peft: segments.joined(separator: "."))
  }

  private static func depth(of name: String) -> Int {
    name.dottedSegments.count { $0 == "base_layer" }
  }

  func base(of checkpoint: Checkpoint) throws(CheckpointError) -> Checkpoint {
    var names: [ExactName: String] = [:]
    // The copy that was trained counts, not the one that it began with.
    let kept = plain + frozen.filter { !saved.contains($0.target) }
    for entry in kept { names[ExactName(entry.record.name)] = entry.target }
    var origins: [ExactName: String] = [:]
    for entry in kept {
      if let other = origins.updateValue(entry.record.name, forKey: ExactName(entry.target)) {
        throw CheckpointError(
          path: checkpoint.path, tensor: entry.record.name,
          "is \(entry.target.quoted) of the base, and so is \(other.quoted)")
      }
    }
    return checkpoint.expanded { record in
      guard let name = names[ExactName(record.name)] else { return [] }
      var renamed = record
      renamed.name = name
      return [renamed]
    }
  }

  func adapters(of checkpoint: Checkpoint, scales: WrappedScales) throws(CheckpointError)
    -> [Adapter]
  {
    var adapters: [Adapter] = []
    for (_, records) in factors.sorted(by: { $0.key > $1.key }) {
      let family = hasParameters ? Self.familyOfParameters : Self.family
      var reader = AdapterReader(family: family, configuration: scales.configuration)
      for record in records { reader.add(record) }
      let adapter = reader.adapter(
        path: checkpoint.path,
        try AdapterScales(
          family: family, configuration: scales.configuration, alpha: nil))
      adapters.append(try scales.scaled(adapter))
    }
    return adapters
  }

  /// Every pair is one for a matrix of its own, however deep it lies.
  private static let family = family { name in
    var key = unshared(name)
    if case .leaf(let leaf, _) = key.content { key.content = .leaf(leaf, isNested: false) }
    return key
  }

  /// Pairs lie as deep as those of adapters for parameters.
  private static let familyOfParameters = family(parse: unshared)

  private static func family(parse: @escaping @Sendable (String) -> AdapterKey) -> AdapterFamily {
    AdapterFamily(
      kind: .wrappedCheckpoint, recognises: { _ in false }, parse: { name, _ in parse(name) },
      missingAlpha: .unknown, holdsBase: true, examples: [])
  }

  /// The key, which of matrices for all modules names none.
  @Sendable private static func unshared(_ name: String) -> AdapterKey {
    var key = key(name)
    if case .leaf(let leaf, _) = key.content, leaf.isShared { key.target = "" }
    return key
  }
}

extension AdapterLeaf {
  fileprivate var isShared: Bool { role == .sharedA || role == .sharedB }
}
