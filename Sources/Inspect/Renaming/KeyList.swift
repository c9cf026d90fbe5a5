public import Formats

/// The names of tensors, with their shapes where the source tells them.
public struct KeyList: Sendable {
  public struct Entry: Sendable, Hashable {
    public let name: String
    /// Nil where only the name is known.
    public let shape: [Int]?

    public init(_ name: String, _ shape: [Int]? = nil) {
      self.name = name
      self.shape = shape
    }
  }

  /// Where it comes from, as the user named it.
  public let path: String
  /// In the order of the source; names are unique.
  public let entries: [Entry]
  /// Where the source is the report of a failed load: the names that the model did
  /// not want. `entries` are those that it missed.
  public let unwanted: [Entry]?
  /// Whether the source was cut off, so that there are more names than those.
  public let isPartial: Bool

  /// The files beside it that tell the heads of its attention.
  public let configurations: [String]

  public init(
    path: String, _ entries: [Entry], unwanted: [Entry]? = nil, isPartial: Bool = false,
    configurations: [String] = []
  ) {
    self.path = path
    self.entries = Self.unique(entries)
    self.unwanted = unwanted.map(Self.unique)
    self.isPartial = isPartial
    self.configurations = configurations
  }

  public init(_ checkpoint: Checkpoint) {
    path = checkpoint.path
    entries = checkpoint.records.map { Entry($0.name, $0.shape) }
    unwanted = nil
    isPartial = false
    configurations = AttentionHeads.files(beside: checkpoint)
  }

  public var names: [String] { entries.map(\.name) }

  private static func unique(_ entries: [Entry]) -> [Entry] {
    var seen: Set<ExactName> = []
    return entries.filter { seen.insert(ExactName($0.name)).inserted }
  }
}
