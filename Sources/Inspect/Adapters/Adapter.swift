public import Formats
import OrderedCollections

/// An adapter of any family, normalised: what it does to which module.
///
/// Each tensor of the file is in exactly one of `modules`, `shared`,
/// `replacements`, `frozenCopies` and `leftovers`.
public struct Adapter: Sendable {
  /// Where it was read from, as the user named it.
  public let path: String
  /// How its tensors are named.
  public let kind: CheckpointKind
  /// The method: `lora`, `dora`, `loha`, `lokr`, `ia3`….
  public let family: String
  /// Its `adapter_config.json`, where it has one.
  public let configuration: AdapterConfiguration?
  /// The rank, alpha and scale that most modules have: the configuration's, or what
  /// all modules have in common; nil where they differ or no file says.
  public let rank: Int?
  public let alpha: Double?
  public let scale: Double?
  /// The adapted modules in natural order.
  public let modules: [AdapterModule]
  /// Tensors that all modules share (VeRA's projections).
  public let shared: [AdapterTensor]
  /// Tensors that take the place of tensors of the base, in natural order.
  public let replacements: [AdapterReplacement]
  /// Untrained copies beside trained modules: to be ignored.
  public let frozenCopies: [TensorRecord]
  /// Tensors that fit nowhere; `findings` say why.
  public let leftovers: [TensorRecord]
  /// The names of the adapter that stand in the keys of a raw dump (`default`).
  public let names: [String]
  /// The wrappers that were removed from the keys, with the number of keys.
  public let wrappers: [KeyWrapper]
  /// What is wrong or remarkable.
  public let findings: [Finding]

  public var base: String? { configuration?.base }
  /// Whether the scale is alpha/√rank.
  public var isRankStabilized: Bool { configuration?.isRankStabilized ?? false }
  /// What its configuration asks for beyond plain factors.
  public var features: [AdapterFeature] { configuration?.features ?? [] }
}

/// Something that a training program had put into keys and that was removed.
public struct KeyWrapper: Sendable, Hashable {
  /// `_orig_mod.`
  public let text: String
  /// The number of keys that held it.
  public let count: Int
}

extension Adapter {
  /// Reads the adapter that `checkpoint` holds, or says that it holds none.
  ///
  /// `alpha` is the alpha that the user gives for modules whose own no file says.
  public init(_ checkpoint: Checkpoint, alpha: Double? = nil) throws(CheckpointError) {
    guard let adapter = try Self.read(checkpoint, alpha: alpha) else {
      throw CheckpointError(
        path: checkpoint.path,
        "none of its \(checkpoint.records.count) tensors is named as a part of an adapter; "
          + "expected an adapter")
    }
    self = adapter
  }

  /// The adapter that `checkpoint` holds, or nil where it holds none.
  ///
  /// `alpha` is the alpha that the user gives for modules whose own no file says.
  /// Throws where the configuration cannot be read.
  public static func read(_ checkpoint: Checkpoint, alpha: Double? = nil)
    throws(CheckpointError) -> Adapter?
  {
    guard let family = AdapterFamily.recognised(AdapterSurvey(checkpoint)) else { return nil }
    return try read(checkpoint, as: family, alpha: alpha)
  }

  /// The adapter with the configuration that lies beside it.
  static func read(_ checkpoint: Checkpoint, as family: AdapterFamily, alpha: Double? = nil)
    throws(CheckpointError) -> Adapter
  {
    var configuration: AdapterConfiguration?
    if let file = checkpoint.sideFile(AdapterSurvey.configurationName) {
      configuration = try family.configuration(file.path)
    }
    return try read(checkpoint, as: family, configuration: configuration, alpha: alpha)
  }

  static func read(
    _ checkpoint: Checkpoint, as family: AdapterFamily, configuration: AdapterConfiguration?,
    alpha: Double? = nil
  ) throws(CheckpointError) -> Adapter {
    let packed = try PackedConfigurations(
      checkpoint.metadata[PackedConfigurations.key], path: checkpoint.path)
    let own = configuration == nil && family.isPEFT ? packed.whole : nil
    let configuration =
      try own.map { json throws(CheckpointError) in
        try AdapterConfiguration(json, path: checkpoint.path)
      } ?? configuration
    var reader = AdapterReader(
      family: family, configuration: configuration, isOfDiffusers: own != nil)
    for record in checkpoint.records { reader.add(record) }
    let scales = try AdapterScales(
      family: family, configuration: configuration,
      components: try packed.scales(path: checkpoint.path),
      // Of a wrapped checkpoint the model's configuration comes first.
      alpha: family.kind == .wrappedCheckpoint ? nil : alpha)
    let adapter = reader.adapter(path: checkpoint.path, scales)
    return switch family.kind {
    case .llavaAdapter: adapter.adding(try LlavaTrainables(beside: checkpoint))
    case .wrappedCheckpoint: try WrappedScales(checkpoint, alpha: alpha).scaled(adapter)
    default: adapter
    }
  }
}

extension Adapter {
  /// The part of the adapter that acts on modules whose paths `filter` accepts; nil where
  /// there is none. What LLaVA's training put around `base` is no part of it, and stays.
  public func limited(to filter: NameFilter, base: Checkpoint) -> Adapter? {
    let part = limited(to: filter)
    if part.modules.isEmpty, part.replacements.isEmpty { return nil }
    guard kind == .llavaAdapter else { return part }
    let names = base.positions()
    let accepted = Set(part.replacements.map(\.target))
    return with(
      modules: part.modules,
      replacements: replacements.filter {
        accepted.contains($0.target) || names[$0.target] == nil
      })
  }

  private func limited(to filter: NameFilter) -> Adapter {
    with(
      modules: modules.filter { filter.accepts($0.target) },
      replacements: replacements.filter { replacement in
        filter.accepts(replacement.target) || filter.accepts(replacement.module)
      })
  }

  /// The adapter with some of its modules alone.
  public func limited(to isKept: (AdapterModule) -> Bool) -> Adapter {
    with(modules: modules.filter(isKept))
  }

  /// The adapter with one more tensor that takes a place.
  func adding(_ replacement: AdapterReplacement) -> Adapter {
    with(replacements: NaturalOrder.sorted(replacements + [replacement], by: \.target))
  }

  /// The adapter with others of the tensors that take places, or without them.
  public func replacing(_ replacement: (AdapterReplacement) -> AdapterReplacement?) -> Adapter {
    with(replacements: replacements.compactMap(replacement))
  }

  /// The adapter with other targets.
  func named(_ name: (String) -> String) -> Adapter {
    with(
      modules: NaturalOrder.sorted(modules.map { $0.named(name($0.target)) }, by: \.target),
      replacements: NaturalOrder.sorted(
        replacements.map {
          AdapterReplacement(target: name($0.target), kind: $0.kind, record: $0.record)
        }, by: \.target))
  }

  /// The adapter with other parts.
  func with(
    modules: [AdapterModule]? = nil, replacements: [AdapterReplacement]? = nil,
    frozenCopies: [TensorRecord]? = nil, findings: [Finding]? = nil
  ) -> Adapter {
    Adapter(
      path: path, kind: kind, family: family, configuration: configuration, rank: rank,
      alpha: alpha, scale: scale, modules: modules ?? self.modules, shared: shared,
      replacements: replacements ?? self.replacements,
      frozenCopies: frozenCopies ?? self.frozenCopies, leftovers: leftovers, names: names,
      wrappers: wrappers, findings: findings ?? self.findings)
  }
}

extension Adapter {
  /// The tensors of its own file.
  var records: [TensorRecord] {
    // LLaVA keeps what takes places in a file of its own.
    modules.flatMap { $0.tensors.map(\.record) } + shared.map(\.record)
      + (kind == .llavaAdapter ? [] : replacements.map(\.record) + frozenCopies) + leftovers
  }

  /// Whether a tensor that takes a place may be one that the base does not have: a head
  /// or another module of `modules_to_save`, a tied output, LLaVA's projector.
  public func mayAdd(_ replacement: AdapterReplacement) -> Bool {
    if EmbeddingNames.isOutput(replacement.target) || kind == .llavaAdapter { return true }
    return configuration?.saves(replacement.module) ?? false
  }
}
