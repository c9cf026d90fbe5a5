public import Formats

/// What `inspect` shows of a checkpoint: everything that its names, sizes and
/// configuration tell. Of the tensors' data only the scalars are read in which some
/// adapters keep alpha.
public struct Inspection: Sendable {
  public let checkpoint: Checkpoint
  public let kind: CheckpointKind
  /// The number of tensors that the filter lets through, their elements and bytes.
  public let tensorCount: Int
  public let parameters: Int
  public let byteCount: Int
  /// The same by type, the type with the most bytes first.
  public let totals: [TypeTotal]
  /// The card of an adapter; nil where the checkpoint holds none.
  public let adapter: Adapter?
  /// What the readers noticed, then what was found here.
  public let findings: [Finding]
  private let filter: NameFilter?
  /// The tensors that the filter lets through, in the order of the files.
  private let chosen: [TensorRecord]

  /// Looks at `checkpoint`; `filter` chooses the tensors to show and to count, not
  /// those that the card is made of.
  public init(_ checkpoint: Checkpoint, filter: NameFilter? = nil) {
    self.checkpoint = checkpoint
    let filter = filter.flatMap { $0.isEmpty ? nil : $0 }
    self.filter = filter
    let survey = AdapterSurvey(checkpoint)
    let family = AdapterFamily.recognised(survey)
    kind = family?.kind ?? Self.kindWithoutAdapter(checkpoint)
    let (adapter, faults) = family.map { Self.adapter(in: checkpoint, $0) } ?? (nil, [])
    self.adapter = adapter
    chosen =
      filter.map { filter in checkpoint.records.filter { filter.accepts($0.name) } }
      ?? checkpoint.records
    totals = TypeTotal.of(chosen)
    tensorCount = chosen.count
    parameters = totals.reduce(0) { $0.saturatingSum($1.parameters) }
    byteCount = totals.reduce(0) { $0.saturatingSum($1.byteCount) }
    let own = adapter?.findings ?? Self.plora(survey.ploraNames)
    // A configuration that cannot be read says no alpha either.
    findings =
      checkpoint.findings + faults
      + (faults.isEmpty ? own : own.filter { $0.code != .alphaUnknown })
  }

  /// The tensors that the filter lets through, in natural order; sorted on each call.
  public var records: [TensorRecord] { NaturalOrder.sorted(chosen, by: \.name) }

  /// The tensors of shards that could not be read, that the filter lets through, with the
  /// name of the shard; in natural order.
  public var absent: [(name: String, file: String)] {
    let all = checkpoint.absentShards.flatMap { shard in shard.tensors.map { ($0, shard.name) } }
    return NaturalOrder.sorted(all.filter { accepts($0.0) }, by: \.0)
  }

  /// Whether the filter lets a tensor of this name through.
  public func accepts(_ name: String) -> Bool { filter?.accepts(name) ?? true }

  /// The tensors grouped by pattern, type and shape; worked out on each call.
  public var groups: [TensorGroup] { TensorGroup.fold(chosen) }

  /// The groups as nested modules; worked out on each call.
  public var tree: NameTree { NameTree(groups) }

  private static func kindWithoutAdapter(_ checkpoint: Checkpoint) -> CheckpointKind {
    if TrainingState.recognised(checkpoint) != nil { return .trainingState }
    if checkpoint.records.isEmpty, checkpoint.absentShards.isEmpty { return .noTensors }
    return checkpoint.sideFile("config.json") == nil ? .stateDict : .model
  }

  /// The adapter; where its configuration cannot be read, the adapter without it and
  /// a finding that says why.
  private static func adapter(in checkpoint: Checkpoint, _ family: AdapterFamily)
    -> (Adapter?, [Finding])
  {
    do {
      return (try Adapter.read(checkpoint, as: family), [])
    } catch {
      let finding = Finding(.error, .configMismatch, error.description)
      return (try? Adapter.read(checkpoint, as: family, configuration: nil), [finding])
    }
  }

  private static func plora(_ names: [String]) -> [Finding] {
    guard !names.isEmpty else { return [] }
    return [
      Finding(
        .note, .ploraPresent, tensors: names,
        "\(names.count == 1 ? "1 tensor is" : "\(names.count) tensors are") PLoRA, which acts on "
          + "image tokens alone: part of the model, no adapter, and not to be merged")
    ]
  }
}

/// How much of a checkpoint is of one type.
public struct TypeTotal: Sendable, Hashable {
  public let type: TensorType
  public private(set) var tensors = 0
  public private(set) var parameters = 0
  public private(set) var byteCount = 0

  /// The totals of some tensors, the type with the most bytes first.
  public static func of(_ records: [TensorRecord]) -> [TypeTotal] {
    var totals: [TypeTotal] = []
    // A span: to copy each record would cost more than the sums.
    let records = records.span
    for position in records.indices {
      let (type, shape) = (records[position].type, records[position].shape)
      let index = totals.lastIndex { $0.type == type } ?? totals.endIndex
      if index == totals.endIndex { totals.append(TypeTotal(type: type)) }
      totals[index].tensors += 1
      let count = shape.reduce(1, *)
      totals[index].parameters = totals[index].parameters.saturatingSum(count)
      totals[index].byteCount = totals[index].byteCount.saturatingSum(type.byteCount(of: count))
    }
    return totals.sorted { ($1.byteCount, $0.type.name) < ($0.byteCount, $1.type.name) }
  }
}
