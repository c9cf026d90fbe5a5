public import Formats

/// What `inspect` shows of a checkpoint: everything that its names, sizes and
/// configuration tell. No tensor's data is read.
public struct Inspection: Sendable {
  public let checkpoint: Checkpoint
  public let kind: CheckpointKind
  /// The tensors that the filter lets through, in natural order.
  public let records: [TensorRecord]
  /// The elements and the bytes of those.
  public let parameters: Int
  public let byteCount: Int
  /// The same by type, the type with the most bytes first.
  public let totals: [TypeTotal]
  /// The card of an adapter; nil where the checkpoint holds none.
  public let adapter: Adapter?
  /// What the readers noticed, then what was found here.
  public let findings: [Finding]
  private let filter: NameFilter?

  /// Looks at `checkpoint`; `filter` chooses the tensors to show and to count, not
  /// those that the card is made of.
  public init(_ checkpoint: Checkpoint, filter: NameFilter? = nil) {
    self.checkpoint = checkpoint
    self.filter = filter.flatMap { $0.isEmpty ? nil : $0 }
    let survey = AdapterSurvey(checkpoint)
    kind = AdapterFamily.recognised(survey)?.kind ?? Self.kindWithoutAdapter(checkpoint)
    let (adapter, fault) = Self.adapter(in: checkpoint)
    self.adapter = adapter
    var chosen = checkpoint.records
    if let filter = self.filter { chosen.removeAll { !filter.accepts($0.name) } }
    records = NaturalOrder.sorted(chosen, by: \.name)
    totals = TypeTotal.of(chosen)
    parameters = totals.reduce(0) { $0.saturatingSum($1.parameters) }
    byteCount = totals.reduce(0) { $0.saturatingSum($1.byteCount) }
    findings =
      checkpoint.findings + fault + (adapter?.findings ?? [])
      + (adapter == nil ? Self.plora(in: checkpoint) : [])
  }

  /// Whether the filter lets a tensor of this name through.
  public func accepts(_ name: String) -> Bool { filter?.accepts(name) ?? true }

  /// The tensors grouped by pattern, type and shape; worked out on each call.
  public var groups: [TensorGroup] { TensorGroup.fold(records) }

  /// The groups as nested modules; worked out on each call.
  public var tree: NameTree { NameTree(groups) }

  private static func kindWithoutAdapter(_ checkpoint: Checkpoint) -> CheckpointKind {
    checkpoint.sideFile("config.json") == nil ? .stateDict : .model
  }

  /// The adapter; where its configuration cannot be read, the adapter without it and
  /// a finding that says why.
  private static func adapter(in checkpoint: Checkpoint) -> (Adapter?, [Finding]) {
    do {
      return (try Adapter.read(checkpoint), [])
    } catch {
      let finding = Finding(.error, .configMismatch, error.description)
      return (Adapter.readWithoutConfiguration(checkpoint), [finding])
    }
  }

  private static func plora(in checkpoint: Checkpoint) -> [Finding] {
    let parts = checkpoint.records.filter { PLoRA.ends($0.name) }.map(\.name)
    guard !parts.isEmpty else { return [] }
    return [
      Finding(
        .note, .ploraPresent, tensors: parts,
        "\(parts.count == 1 ? "1 tensor is" : "\(parts.count) tensors are") PLoRA, which acts on "
          + "image tokens alone: part of the model, no adapter, and not to be merged")
    ]
  }
}

/// How much of a checkpoint is of one type.
public struct TypeTotal: Sendable, Hashable {
  public let type: TensorType
  public let tensors: Int
  public let parameters: Int
  public let byteCount: Int

  /// The totals of some tensors, the type with the most bytes first.
  public static func of(_ records: [TensorRecord]) -> [TypeTotal] {
    var totals: [TensorType: TypeTotal] = [:]
    for record in records {
      let before = totals[record.type]
      totals[record.type] = TypeTotal(
        type: record.type, tensors: (before?.tensors ?? 0) + 1,
        parameters: (before?.parameters ?? 0).saturatingSum(record.elementCount),
        byteCount: (before?.byteCount ?? 0).saturatingSum(record.byteCount))
    }
    return totals.values.sorted {
      ($1.byteCount, $0.type.name) < ($0.byteCount, $1.type.name)
    }
  }
}
