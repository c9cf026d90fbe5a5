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

  public init(path: String, _ entries: [Entry]) {
    self.path = path
    var seen: Set<ExactName> = []
    self.entries = entries.filter { seen.insert(ExactName($0.name)).inserted }
  }

  public init(_ checkpoint: Checkpoint) {
    path = checkpoint.path
    entries = checkpoint.records.map { Entry($0.name, $0.shape) }
  }

  public var names: [String] { entries.map(\.name) }
}
