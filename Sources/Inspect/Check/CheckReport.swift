public import Formats

/// Everything that `check` found.
public struct CheckReport: Sendable {
  public let path: String
  /// The worst first, otherwise in the order of the checks.
  public let findings: [Finding]
  /// The lists of a load into a base, into a list of names, or of a failed load.
  public let load: StrictLoad
  /// The renaming that would mend the names, as expression and replacement.
  public let suggestedMap: [(pattern: String, replacement: String)]?
  /// Where the tensors of an adapter go in its base; nil without one.
  public let placement: AdapterPlacement?

  public init(
    path: String, findings: [Finding], load: StrictLoad = StrictLoad(),
    suggestedMap: [(pattern: String, replacement: String)]? = nil,
    placement: AdapterPlacement? = nil
  ) {
    self.path = path
    // Stable: findings of one severity stay in their order.
    let ordered = [Finding.Severity.error, .warning, .note].flatMap { severity in
      findings.filter { $0.severity == severity }
    }
    self.findings = FixCommands.withoutRivals(ordered)
    self.load = load
    self.suggestedMap = suggestedMap
    self.placement = placement
  }

  /// Whether there is nothing that anybody has to do something about.
  public var isClean: Bool { !findings.contains { $0.severity >= .warning } }
}
