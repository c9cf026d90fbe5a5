public import Formats
public import OrderedCollections

/// A checkpoint while its names are being changed.
///
/// Steps act on it one after the other; the tensors' data stays where it is.
public struct RenamingDraft: Sendable {
  /// A tensor under the name that it has by now.
  public struct Tensor: Sendable {
    /// Its name in the input; nil for one that was made on the way.
    public let origin: String?
    public var record: TensorRecord
    /// For one that was made from others: the tensor of the input in whose place it
    /// stands.
    public internal(set) var place: String?
    /// The tensor of the input that it is, or of which it was made.
    var input: String { origin ?? place ?? record.name }
    /// Whether the record's shape is more than a stand-in.
    var isShapeKnown = true

    init(origin: String?, record: TensorRecord, isShapeKnown: Bool = true) {
      self.origin = origin
      self.record = record
      self.isShapeKnown = isShapeKnown
    }
  }

  /// Where a step of the renaming comes from.
  public enum Source: Sendable, Hashable {
    case preset(String)
    case map(String)
    case rule
    case inferred(String)
  }

  /// Some rules that were applied, and the number of names that each matched.
  public struct Step: Sendable {
    public let source: Source
    public let map: KeyMap
    public let counts: [Int]
  }

  public let path: String
  public internal(set) var tensors: [Tensor]
  /// Tensors of the input that go nowhere, with the reason.
  public internal(set) var dropped: [(name: String, reason: String)] = []
  /// `adapter_config.json`, as it will be.
  public internal(set) var configuration: JSONValue?
  public internal(set) var metadata: OrderedDictionary<String, String>
  public private(set) var steps: [Step] = []
  public internal(set) var findings: [Finding] = []
  /// What `--to-match` found.
  public internal(set) var match: MatchSummary?
  /// How the tensors will be named, where a preset says it.
  public internal(set) var kind: CheckpointKind?
  /// The projections that were split or fused.
  public internal(set) var projections: [ProjectionChange] = []
  /// The heads of the attention, where the user states them.
  public var statedHeads: AttentionHeads?
  /// The files that tell them else: a `config.json` beside the input, and beside what
  /// it is matched with.
  public var modelConfigurations: [String] = []

  public init(_ checkpoint: Checkpoint) throws(CheckpointError) {
    path = checkpoint.path
    tensors = checkpoint.records.map { Tensor(origin: $0.name, record: $0) }
    metadata = checkpoint.metadata
    if let file = checkpoint.sideFile(AdapterSurvey.configurationName) {
      configuration = try InputFile.json(at: file.path)
    }
    modelConfigurations = AttentionHeads.files(beside: checkpoint)
  }

  /// A list of names alone, to try a renaming on.
  public init(_ list: KeyList) {
    path = list.path
    tensors = list.entries.map { entry in
      Tensor(
        origin: entry.name,
        record: TensorRecord(
          name: entry.name, type: .foreign(name: "unknown", bitWidth: 8),
          shape: entry.shape ?? [], bytes: nil),
        isShapeKnown: entry.shape != nil)
    }
    metadata = [:]
  }

  /// The names as they are by now.
  public var names: [String] { tensors.map(\.record.name) }

  /// All rules so far, in the order in which they were applied.
  public var map: KeyMap { KeyMap(steps.flatMap(\.map.rules)) }

  /// What all steps together did to the tensors of the input that are still there.
  public var renaming: Renaming {
    let present = tensors.filter { $0.origin != nil }
    return Renaming(
      of: present.map { $0.origin ?? "" }, to: present.map(\.record.name),
      ruleCounts: steps.flatMap(\.counts))
  }

  /// Applies a preset; `base` is what `--to-match` names.
  public mutating func apply(_ preset: RenamePreset, base: KeyList?) throws(CheckpointError) {
    if preset.needsBase, base == nil {
      throw CheckpointError(
        path: path, "the preset \(preset.name.quoted) needs the names of the base",
        fix: "add --to-match with the base")
    }
    try preset.apply(&self, base)
  }

  /// Applies rules; refuses those without effect as their source demands, unless
  /// `isOptional`.
  public mutating func apply(_ map: KeyMap, as source: Source, isOptional: Bool = false)
    throws(CheckpointError)
  {
    let before = names
    let renaming = try map.renaming(of: before)
    if !isOptional { try check(renaming.ruleCounts, of: map, source) }
    for position in tensors.indices {
      tensors[position].record.name = renaming.results[position]
    }
    steps.append(Step(source: source, map: map, counts: renaming.ruleCounts))
    try renameConfiguration(from: before, to: names)
  }

  /// A rule that was typed has to match; of a preset or a map one has to.
  private func check(_ counts: [Int], of map: KeyMap, _ source: Source) throws(CheckpointError) {
    let total = counts.reduce(0, +)
    let reason: String
    switch source {
    case .rule:
      guard let idle = counts.firstIndex(of: 0) else { return }
      reason = "the rule \(map.rules[idle].description.quoted) matches"
    case .preset(let name):
      guard total == 0 else { return }
      reason = "no rule of the preset \(name.quoted) matches"
    case .map(let path):
      guard total == 0 else { return }
      reason = "no rule of the map \(path) matches"
    case .inferred: return
    }
    let none = source == .rule ? "none" : "any"
    throw CheckpointError(
      path: path, "\(reason) \(none) of the \(tensors.count) names",
      details: ["the names are:"] + FoldedKeys.lines(names).map { "  \($0)" })
  }

  /// The checkpoint with the tensors as they are by now, in the order of the input;
  /// those that were made on the way come last.
  public func checkpoint(from input: Checkpoint) -> Checkpoint {
    var result = input
    result.metadata = metadata
    result.records = tensors.map(\.record)
    var present: Set<ExactName> = []
    var made: [ExactName: Int] = [:]
    for tensor in tensors {
      if let origin = tensor.origin { present.insert(ExactName(origin)) }
      if let place = tensor.place { made[ExactName(place), default: 0] += 1 }
    }
    result.shards = []
    var start = 0
    for shard in input.shards {
      let count = input.records[shard.records].reduce(0) { count, record in
        let name = ExactName(record.name)
        return count + (present.contains(name) ? 1 : 0) + (made[name] ?? 0)
      }
      result.shards.append(
        Shard(name: shard.name, file: shard.file, records: start..<start + count))
      start += count
    }
    if let last = result.shards.indices.last {
      result.shards[last].records = result.shards[last].records.lowerBound..<tensors.count
    }
    return result
  }
}

extension RenamingDraft {
  /// Throws where two tensors would have one name, or one would have none.
  public func requireDistinct() throws(CheckpointError) {
    try Renaming(of: tensors.map(\.input), to: names)
      .requireDistinct(path: path)
  }

  /// Leaves out the tensors that `filter` does not let through.
  public mutating func keep(_ filter: NameFilter) throws(CheckpointError) {
    guard !filter.isEmpty else { return }
    for tensor in tensors where !filter.accepts(tensor.record.name) {
      dropped.append((tensor.record.name, "left out by --include or --exclude"))
    }
    tensors.removeAll { !filter.accepts($0.record.name) }
    guard tensors.isEmpty else { return }
    throw CheckpointError(
      path: path, "none of its \(dropped.count) tensors passes --include and --exclude")
  }
}
