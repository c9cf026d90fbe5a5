public import Formats

/// The names a command is to speak of: those that an include pattern matches (all
/// where there is none) and no exclude pattern does.
public struct NameFilter: Sendable {
  public let include: [Glob]
  public let exclude: [Glob]

  public init(include: [String] = [], exclude: [String] = []) throws(CheckpointError) {
    self.include = try include.map { source throws(CheckpointError) in try Glob(source) }
    self.exclude = try exclude.map { source throws(CheckpointError) in try Glob(source) }
  }

  /// Whether every name passes.
  public var isEmpty: Bool { include.isEmpty && exclude.isEmpty }

  public func accepts(_ name: String) -> Bool {
    (include.isEmpty || include.contains { $0.matches(name) })
      && !exclude.contains { $0.matches(name) }
  }
}
