public import Formats

/// The modules that the configuration makes PEFT adapt, against those of which there are
/// tensors.
struct TargetChecks {
  private let configuration: AdapterConfiguration
  private let holdsNoFactor: Bool
  private let modules: [AdapterModule]
  private let names: [String]
  private let targets: TargetedModules?
  /// Whether PEFT gives the output the adapter of the embedding, unasked.
  private let isTied: Bool

  init(adapter: Adapter, configuration: AdapterConfiguration) {
    self.configuration = configuration
    // Keys that are unknown have a finding of their own.
    holdsNoFactor =
      adapter.modules.isEmpty && adapter.leftovers.isEmpty && !adapter.replacements.isEmpty
      && AdapterChecks.isOfModules(configuration.family)
    // `target_parameters` names the others.
    modules = adapter.modules.filter { $0.kind != .parameter }
    names = if case .names(let names) = configuration.targets { names } else { [] }
    targets = TargetedModules(configuration)
    isTied = configuration.features.contains(.weightTying)
  }

  func findings() -> [Finding] { nothing() + absent() + uncovered() }

  /// That a file of which PEFT wants factors has none, whatever else it holds.
  fileprivate func nothing() -> [Finding] {
    guard holdsNoFactor, configuration.targets != .unstated, configuration.targets != .names([])
    else { return [] }
    let targets =
      names.isEmpty
      ? "target_modules makes it adapt some"
      : "target_modules names \(Wording.list(names.sorted()))"
    return [
      Finding(
        .error, .emptyAdapter,
        "the file holds no factor of the kind \(configuration.family.printable), though \(targets): "
          + "PEFT would call all factors missing and change nothing there")
    ]
  }

  /// Names of `target_modules` that no module has, and that no other field leaves out: PEFT
  /// saves a list with all the names and leaves the excluded ones in it.
  private var absentNames: [String] {
    names.filter { !isPresent($0) && targets?.mayExclude($0) != true }.sorted()
  }

  fileprivate func absent() -> [Finding] {
    let absent = absentNames
    guard !modules.isEmpty, !absent.isEmpty else { return [] }
    return [
      Finding(
        .warning, .configMismatch,
        "target_modules names \(Wording.list(absent)), of which the file has no tensors")
    ]
  }

  private func isPresent(_ name: String) -> Bool {
    modules.contains { TargetedModules.covers(name, $0.targetedPath) }
  }

  private func uncovered() -> [Finding] {
    ignored.map { ignored in
      Finding(
        .warning, .configMismatch,
        tensors: ignored.modules.flatMap { $0.tensors.map(\.record.name) }, ignored.message)
    }
  }

  /// Modules that PEFT would not build.
  var ignored: [IgnoredModules] {
    guard let targets else { return [] }
    let groups = Dictionary(
      grouping: modules.filter { !isTied || !EmbeddingNames.isOutput("\($0.target).weight") },
      by: targets.verdict)
    let fields: [(verdict: TargetedModules.Verdict, text: String)] =
      [(.unnamed, "target_modules does not cover")]
      + ["exclude_modules", "layers_to_transform", "modules_to_save"].map {
        (.excluded(by: $0), "\($0) leaves out")
      }
    return fields.compactMap { verdict, text in
      guard let modules = groups[verdict] else { return nil }
      return IgnoredModules(
        modules: modules,
        message: "\(text) \(FoldedKeys.summary(of: modules.map(\.target), "module")), of which the "
          + "file has tensors: PEFT would ignore them")
    }
  }

  /// Modules of a base that PEFT would adapt and of which there are no tensors.
  ///
  /// Those in other lists of layers often only have the same names: a vision tower's, or
  /// layers that the library does not even load.
  func missing(in base: Checkpoint) -> [Finding] {
    guard let targets, !modules.isEmpty else { return [] }
    let present = Set(modules.map(\.target))
    let adapted = Set(modules.compactMap(\.target.dottedSegments.last))
    let told = Set(absentNames)
    let missing = base.records.compactMap { record -> String? in
      guard record.shape.count > 1, record.name.hasSuffix(".weight") else { return nil }
      let path = String(record.name.dropLast(".weight".count))
      // What a file holds by expert is one parameter in memory.
      guard !present.contains(path), !path.contains(".experts."),
        targets.covers(path, like: adapted),
        names.isEmpty
          || names.contains(where: { TargetedModules.covers($0, path) && !told.contains($0) })
      else { return nil }
      return path
    }
    let lists = Set(present.map(Self.list))
    let siblings = missing.filter { lists.contains(Self.list($0)) }
    let others = missing.filter { !lists.contains(Self.list($0)) }
    return [(Finding.Severity.warning, siblings), (.note, others)].compactMap { severity, paths in
      guard !paths.isEmpty else { return nil }
      return Finding(
        severity, .configMismatch,
        "target_modules covers \(FoldedKeys.summary(of: NaturalOrder.sorted(paths), "module")) of "
          + "the base too, of which the adapter has no tensors: PEFT would call them missing and "
          + "change nothing there")
    }
  }

  /// What stands before the number of a layer; without one, before the last segment.
  private static func list(_ path: String) -> String {
    let segments = path.dottedSegments
    let number = segments.firstIndex { Int($0) != nil } ?? segments.count - 1
    return segments[..<number].joined(separator: ".")
  }
}

/// Modules of an adapter for which its configuration makes PEFT build nothing.
public struct IgnoredModules: Sendable {
  public let modules: [AdapterModule]
  /// What says so.
  public let message: String
}

extension Adapter {
  /// Modules that its configuration names and of which it has no tensors, in a base whose
  /// names it has: the rest of a file that was cut, or of a training that left them out.
  public func missingTargets(in base: Checkpoint) -> [Finding] {
    guard kind == .peftAdapter, let configuration else { return [] }
    let checks = TargetChecks(adapter: self, configuration: configuration)
    let nothing = checks.nothing().map { Finding(.warning, $0.code, $0.message) }
    return nothing + (checks.absent() + checks.missing(in: base)).filter { $0.severity == .warning }
  }

  /// What PEFT would load none of, of an adapter of its own.
  public var ignoredModules: [IgnoredModules] {
    guard kind == .peftAdapter, let configuration else { return [] }
    return TargetChecks(adapter: self, configuration: configuration).ignored
  }
}
