public import Formats

/// Everything that can be asked of one checkpoint, alone or against what it is to be
/// loaded into.
public struct CheckpointCheck {
  /// What it is held against.
  public enum Reference {
    case nothing
    case base(Checkpoint)
    case expected(KeyList)
    /// The text of a failed load, and where it comes from.
    case log(String, source: String, isFile: Bool)

    fileprivate var base: Checkpoint? { if case .base(let base) = self { base } else { nil } }
  }

  let checkpoint: Checkpoint
  let inspection: Inspection

  public init(_ checkpoint: Checkpoint) {
    self.checkpoint = checkpoint
    inspection = Inspection(checkpoint)
  }

  /// The bytes of the tensors whose values are read.
  public var valueByteCount: Int {
    checkpoint.records.filter { ValueChecks.canBeNotFinite($0.type) }
      .reduce(0) { $0.saturatingSum($1.byteCount) }
  }

  /// Asks everything; `readsValues` also of the values of models, before each of which
  /// `willRead` is told of the tensor.
  public func report(
    against reference: Reference, readsValues: Bool,
    willRead: (TensorRecord) -> Void = { _ in }
  ) throws(CheckpointError) -> CheckReport {
    let alone = FixCommands.united(
      try findingsAlone(readsValues: readsValues, base: reference.base, willRead).map {
        FixCommands.completed($0, of: inspection)
      }, path: checkpoint.path)
    switch reference {
    case .nothing: return report(alone + foreignNames + wrappedNames)
    case .base(let base): return try report(alone, base: base)
    case .expected(let expected):
      let load = StrictLoad(checkpoint, into: expected)
      return report(alone, load, expected: expected, source: expected.path, base: nil)
    case .log(let text, let source, let isFile):
      return try report(alone, log: text, from: source, isFile: isFile)
    }
  }

  // MARK: Alone

  private func findingsAlone(
    readsValues: Bool, base: Checkpoint?, _ willRead: (TensorRecord) -> Void
  ) throws(CheckpointError) -> [Finding] {
    var findings = inspection.findings
    if let state = TrainingState.finding(checkpoint) {
      // Whatever else may be odd about it: it is another file that is wanted.
      return [state]
    }
    if checkpoint.records.isEmpty, inspection.adapter == nil, checkpoint.absentShards.isEmpty {
      findings.append(empty)
    }
    findings += NameChecks.findings(checkpoint, isAdapter: isAdapter)
    findings += FileNameChecks.findings(checkpoint, inspection.adapter)
    if let adapter = inspection.adapter {
      if let configuration = adapter.configuration {
        findings +=
          AdapterConfigurationChecks(adapter: adapter, configuration: configuration).findings()
      }
      findings += SideFileChecks.findings(checkpoint, adapter, base: base)
      findings += try FactorChecks(adapter: adapter).findings()
    }
    if inspection.kind == .wrappedCheckpoint { findings.append(wrapped) }
    // Of keys that its reader does not know, that of an adapter has told.
    if !findings.contains(where: { $0.code == .unmatchedKey }),
      let finding = TrainerNames.finding(checkpoint)
    {
      findings.append(finding)
    }
    if !isAdapter { findings += try ModelChecks.findings(checkpoint) }
    for file in checkpoint.files {
      findings += try PyTorchReader.checksumFindings(file, of: checkpoint.records)
    }
    if readsValues {
      let known = Set(
        findings.filter { $0.code == .notFinite }.flatMap(\.tensors).map(ExactName.init))
      findings += try ValueChecks.notFinite(
        checkpoint.records.filter { !known.contains(ExactName($0.name)) }, willRead: willRead)
    }
    return findings
  }

  /// That there are no tensors; a file that holds something else was never meant to.
  private var empty: Finding {
    let others = checkpoint.others.map { other in
      other.path == OtherEntry.top
        ? other.description.printable : "\(other.path.printable): \(other.description.printable)"
    }
    guard !others.isEmpty else {
      return Finding(
        .error, .emptyAdapter,
        "the file holds no tensors: whatever saved it filtered all of them out, and a checkpoint "
          + "of the training run may still hold them")
    }
    let more = others.count > 3 ? " and \(others.count - 3) more" : ""
    return Finding(
      .error, .emptyAdapter,
      "the file holds no tensors, only \(others.prefix(3).joined(separator: ", "))\(more)")
  }

  private var wrapped: Finding {
    Finding(
      .note, .nestedWrapper,
      "base and adapter lie in one file, so that a plain model finds neither under its names; "
        + "merge them first",
      fix: "tenon merge \(shellQuoted(checkpoint.path)) -o OUT")
  }

  /// Without the keys that a load lists as well, as missing or as those of a quantisation.
  static func unsaid(_ alone: [Finding], besides load: StrictLoad) -> [Finding] {
    let listed: [Finding.Code: [String]] = [
      .missingKey: load.missing, .quantisedBase: load.unexpected,
    ]
    return alone.filter { finding in
      guard let names = listed[finding.code], !finding.tensors.isEmpty else { return true }
      return !Set(finding.tensors).isSubset(of: names)
    }
  }

  /// What the configuration of the base, or else of the checkpoint, calls the model.
  func modelType(_ base: Checkpoint?) -> String? {
    [base, checkpoint].compactMap(\.self).lazy
      .compactMap { try? ModelConfiguration(beside: $0)?.modelType }.first
  }

  /// Whether it needs a base; a wrapped checkpoint holds its own.
  var isAdapter: Bool {
    inspection.adapter != nil && inspection.kind != .wrappedCheckpoint
  }

  func report(
    _ findings: [Finding], doubts: [Finding] = [], load: StrictLoad = StrictLoad(),
    map: [(pattern: String, replacement: String)]? = nil, placement: AdapterPlacement? = nil
  ) -> CheckReport {
    let findings = findings.map { FixCommands.completed($0, of: inspection) }
    return CheckReport(
      path: checkpoint.path,
      // What is not wrong needs no command.
      findings: findings + doubts, load: load,
      suggestedMap: map ?? FixCommands.map(findings), placement: placement)
  }

  // MARK: Against a base

  private func report(_ alone: [Finding], base: Checkpoint) throws(CheckpointError) -> CheckReport {
    guard isAdapter, let adapter = inspection.adapter else {
      let expected = KeyList(modelOf: base, as: checkpoint)
      let load = StrictLoad(checkpoint, into: expected)
      return report(
        alone, load, expected: expected, source: "the base \(base.path)", base: base)
    }
    // Where such an adapter acts is not known here.
    guard UnmergeableMethod.finding(adapter.configuration) == nil else { return report(alone) }
    let checks = try AdapterBaseChecks(adapter, of: checkpoint, base: base)
    // Said once, and better, with the base at hand.
    let findings =
      try alone.filter { finding in
        finding.code != .baseTensorInAdapter
          // Without a bias in the base none was lost.
          && (finding.code != .loraBiasDropped || !finding.tensors.isEmpty || checks.hasBiases)
      } + checks.findings()
    return report(
      findings, load: checks.load, map: checks.suggestedMap, placement: checks.placement)
  }

  private func report(
    _ alone: [Finding], _ load: StrictLoad, expected: KeyList, source: String,
    base: Checkpoint?
  ) -> CheckReport {
    guard !load.isClean else {
      return report(alone + [relaidModel(base)].compactMap(\.self), load: load)
    }
    var shapes: [ExactName: [Int]] = [:]
    for entry in expected.entries { shapes[ExactName(entry.name)] = entry.shape }
    var diagnosis = LoadDiagnosis(
      inspection: inspection, load: load, source: source, base: base?.path, wanted: expected,
      reference: expected.path == KeySource.standardInputName ? "-" : expected.path,
      wantedShapes: shapes)
    diagnosis.tie = EmbeddingTie(base: base, checkpoint: checkpoint)
    diagnosis.modelType = modelType(base)
    let result = diagnosis.result()
    return report(Self.unsaid(alone, besides: load) + result.findings, load: load, map: result.map)
  }
}
