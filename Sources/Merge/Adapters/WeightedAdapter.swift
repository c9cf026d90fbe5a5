public import Formats
public import Inspect

/// An adapter and how much of it is to be added.
public struct WeightedAdapter: Sendable {
  public var adapter: Adapter
  public var weight: Double
  /// What was noticed when its files were read.
  public var findings: [Finding]
  /// The configuration of the whole model that lies beside the adapter and counts
  /// instead of the base's: LLaVA's training builds a model around the base.
  public var configuration: SideFile?
  /// The files of a tokenizer beside it, which count where its tokens do.
  var tokenizer: [SideFile] = []
  /// What is missing beside it of the model that LLaVA's training built around a base.
  var missingProjector: Finding?
  /// Whether it is all that its file holds, not what the user chose of it.
  public var isWhole = true

  public init(_ adapter: Adapter, weight: Double = 1, findings: [Finding] = []) {
    self.adapter = adapter
    self.weight = weight
    self.findings = findings
  }

  /// The adapter of `source`, which holds it.
  public init(_ adapter: Adapter, weight: Double, from source: Checkpoint) {
    self.init(adapter, weight: weight, findings: source.findings)
    if adapter.kind == .llavaAdapter { configuration = source.sideFile("config.json") }
    tokenizer = source.sideFiles.filter(\.isOfTokenizer)
    let missing = SideFileChecks.missingProjector(of: adapter, in: source)
    missingProjector = missing?.severity == .error ? missing : nil
  }

  /// What `check` calls an error, but keeps no merge from being what was asked for.
  var warnings: [Finding] {
    missingProjector.map { [Finding(.warning, $0.code, tensors: $0.tensors, $0.message)] } ?? []
  }

  /// The same with the names of the base, where the two are of different layouts, and with
  /// one tensor for both of `tied`, where they are one for the adapter.
  func fitted(to base: Checkpoint, tied: TiedWeights?) throws(CheckpointError) -> WeightedAdapter {
    let (adapter, finding) = adapter.relaid(onto: base, tied: tied)
    var copy = self
    copy.adapter = try tied?.joined(adapter) ?? adapter
    // Of another layout the names of the configuration are too.
    if let finding {
      copy.findings.append(finding)
    } else if isWhole {
      copy.findings += adapter.missingTargets(in: base)
    }
    return copy
  }

  /// The same without base layers that are those of the base to the last byte, as PEFT saves
  /// them beside the factors of embeddings: they take no place. In a merge that is taken back
  /// the base's have changed since, so that their shape alone can tell.
  func withoutCopies(of base: Checkpoint) throws(CheckpointError) -> WeightedAdapter {
    let positions = base.positions()
    let adapted = Set(adapter.modules.map { ExactName("\($0.target).weight") })
    var copies: Set<ExactName> = []
    var subtracted: [String] = []
    for replacement in adapter.replacements where replacement.kind == .baseLayer {
      guard let own = positions[replacement.target].map({ base.records[$0] }), own.bytes != nil
      else { continue }
      if weight < 0, own.shape == replacement.record.shape,
        adapted.contains(ExactName(replacement.target))
      {
        subtracted.append(replacement.target)
      } else if try !TensorData.isEqual(own, replacement.record) {
        continue
      }
      copies.insert(ExactName(replacement.record.name))
    }
    guard !copies.isEmpty else { return self }
    var copy = self
    if !subtracted.isEmpty {
      copy.findings.append(
        Finding(
          .note, .baseTensorInAdapter, tensors: subtracted,
          "\(adapter.path) carries \(subtracted.joined(separator: ", ")) beside the factors: the "
            + "update alone is subtracted, so that a vocabulary which the merge brought stays"))
    }
    copy.adapter = adapter.replacing {
      copies.contains(ExactName($0.record.name)) ? nil : $0
    }
    return copy
  }

  /// The same with the biases that `base`, where tied tensors are parted, has names for.
  func folded(onto base: Checkpoint, tied: TiedWeights?) throws(CheckpointError) -> WeightedAdapter
  {
    var copy = self
    copy.adapter = try adapter.foldingBias(onto: base, tied: tied)
    return copy
  }

  /// The same with what PEFT would read of it.
  func asReadByPEFT() -> WeightedAdapter {
    var copy = self
    copy.adapter = adapter.asReadByPEFT()
    return copy
  }
}
