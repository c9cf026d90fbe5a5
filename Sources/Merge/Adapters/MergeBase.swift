import Compute
import Formats
import Inspect

/// The base of a merge with what takes the place of its tensors, before anything is
/// added to them.
struct MergeBase {
  private(set) var checkpoint: Checkpoint
  /// What stood where an adapter's tensor stands now, by name.
  private(set) var originals: [ExactName: TensorRecord] = [:]
  private(set) var configuration: [ConfigurationEdit] = []
  private(set) var findings: [Finding] = []
  /// What the files hold in another form; made when it is asked for.
  var rearranged: RearrangedNames?
  /// The adapters whose tensors took places, by name.
  private var origins: [ExactName: String] = [:]
  private let numerics: Numerics

  init(_ checkpoint: Checkpoint, numerics: Numerics) {
    self.checkpoint = checkpoint
    self.numerics = numerics
  }

  /// The first step of what happens to a tensor.
  func update(of record: TensorRecord) -> TensorUpdate {
    guard let original = originals[ExactName(record.name)] else {
      return TensorUpdate(record, steps: [])
    }
    // What the base lacks stands here under the name alone.
    let replacement = Replacement(
      original: original.bytes == nil ? nil : original,
      adapter: origins[ExactName(record.name)] ?? checkpoint.path)
    return TensorUpdate(record, inPlaceOf: replacement, modelType: original.type)
  }

  /// The replaced tensors to which nothing is added.
  var replacements: [ExactName: TensorUpdate] {
    var updates: [ExactName: TensorUpdate] = [:]
    for record in checkpoint.records where originals[ExactName(record.name)] != nil {
      updates[ExactName(record.name)] = update(of: record)
    }
    return updates
  }

  /// The path of the adapter whose tensor stands in the place of the base's.
  func replacer(of name: ExactName) -> String? { origins[name] }

  mutating func edit(_ edit: ConfigurationEdit, _ finding: Finding? = nil) {
    configuration.append(edit)
    if let finding { findings.append(finding) }
  }

  mutating func note(_ finding: Finding) { findings.append(finding) }

  /// Puts files of an adapter beside the result in the place of those that are `replaced`.
  mutating func takeFiles(_ files: [SideFile], inPlaceOf replaced: (SideFile) -> Bool) {
    checkpoint.sideFiles = checkpoint.sideFiles.filter { !replaced($0) } + files
  }

  /// Puts what an adapter carries whole in the place of the base's tensors.
  mutating func replace(with weighted: WeightedAdapter) throws(CheckpointError) {
    let adapter = weighted.adapter
    if let file = weighted.configuration {
      takeFiles([file]) { $0.name == file.name }
      note(
        Finding(
          .note, .configMismatch,
          "config.json is the one beside the adapter \(adapter.path), which describes the whole "
            + "model"))
    }
    if let first = adapter.replacements.first, weighted.weight != 1 {
      throw CheckpointError(
        path: adapter.path, tensor: first.record.name,
        "takes the place of \(first.target.quoted) as a whole, so that "
          + (weighted.weight < 0
            ? "a merge with it cannot be taken back: only the base holds what was there"
            : "no part of it can be added; expected --weight 1"),
        details: Mergeability.folded(adapter.replacements.map(\.record.name)),
        fix: "choose other modules with --include")
    }
    var positions = checkpoint.positions()
    for replacement in adapter.replacements where replacement.kind != .tokenRows {
      try replace(replacement, of: adapter, &positions)
    }
  }

  mutating func replace(
    _ replacement: AdapterReplacement, of adapter: Adapter, _ positions: inout NameTable
  ) throws(CheckpointError) {
    let name = ExactName(replacement.target)
    if let other = origins[name], other != adapter.path {
      let own = positions[replacement.target].map { checkpoint.records[$0] }
      if let own, try TensorData.isEqual(own, replacement.record) { return }
      try settle(replacement, of: adapter, after: other)
    }
    origins[name] = adapter.path
    var record = replacement.record
    record.name = replacement.target
    guard let position = positions[replacement.target] else {
      try add(record, replacement, of: adapter)
      positions[record.name] = checkpoint.records.count - 1
      return
    }
    let original = checkpoint.records[position]
    guard Self.fits(record.shape, original.shape, name: original.name) else {
      throw CheckpointError(
        path: adapter.path, tensor: replacement.record.name,
        "has shape \(record.shape), but \(original.name) of the base, whose place it takes, has "
          + "\(original.shape)",
        fix: "merge into the model that was trained\(adapter.base.map { ", \($0)" } ?? "")")
    }
    checkpoint.records[position] = record
    if originals[name] == nil { originals[name] = original }
  }

  /// Of two tensors for one place the last counts in PEFT; `exact` knows no order.
  private mutating func settle(
    _ replacement: AdapterReplacement, of adapter: Adapter, after other: String
  ) throws(CheckpointError) {
    guard numerics == .peft else {
      throw CheckpointError(
        path: adapter.path, tensor: replacement.record.name,
        "takes the place of \(replacement.target.quoted), and so does another tensor of \(other), "
          + "so that their order counts; expected one of them at most",
        fix: MergeDraft.orderFix)
    }
    note(
      Finding(
        .warning, .configMismatch, tensors: [replacement.target],
        "both \(other) and \(adapter.path), which comes after it, put a tensor of their own in the "
          + "place of \(replacement.target): as with PEFT the last counts"))
  }

  /// Equal shapes; of embeddings the number of tokens may differ, of heads that of labels.
  private static func fits(_ shape: [Int], _ original: [Int], name: String) -> Bool {
    shape == original
      || (EmbeddingNames.isOfTokens(name) && (1...2).contains(shape.count)
        && shape.count == original.count && shape.dropFirst() == original.dropFirst())
      || LabelLayer.isOther(shape, original, name: name)
  }

  /// A module that the base does not have: a tied output, or a new head.
  private mutating func add(
    _ record: TensorRecord, _ replacement: AdapterReplacement, of adapter: Adapter
  ) throws(CheckpointError) {
    guard adapter.mayAdd(replacement) else {
      throw CheckpointError(
        path: adapter.path, tensor: replacement.record.name,
        "would take the place of \(record.name.quoted), which the base \(checkpoint.path) does "
          + "not have",
        fix: "tenon check \(shellQuoted(adapter.path)) --base \(shellQuoted(checkpoint.path))")
    }
    try refuseRearranged(record, replacement, of: adapter)
    checkpoint.append(record)
    // A loader would give it the type of the rest.
    var original = record
    original.bytes = nil
    if record.type.element?.kind == .float, let type = floatType { original.type = type }
    originals[ExactName(record.name)] = original
  }

  /// The float type that most of the tensors have.
  private var floatType: TensorType? {
    var counts: [TensorType: Int] = [:]
    for record in checkpoint.records where record.type.element?.kind == .float {
      counts[record.type, default: 0] += 1
    }
    return counts.max { ($0.value, $1.key.name) < ($1.value, $0.key.name) }?.key
  }

  /// Adds a tensor under another name, unless that is there.
  mutating func append(copyOf source: String, as name: String) {
    checkpoint = checkpoint.adding(copyOf: source, as: name)
  }

  /// Puts other tensors in the place of each; none removes it.
  mutating func expand(_ replacement: (TensorRecord) -> [TensorRecord]) {
    checkpoint = checkpoint.expanded(replacement)
  }
}
