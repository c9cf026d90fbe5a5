public import OrderedCollections

/// The result of reading one tensor file: what every reader returns and a
/// `Checkpoint` is put together from.
public struct TensorFile: Sendable {
  public var format: FileFormat
  /// The tensors in the order of the file; names are unique.
  public var records: [TensorRecord]
  /// The strings that a file carries beside its tensors.
  public var metadata: OrderedDictionary<String, String>
  /// Whether the file has a place for metadata, so that none means none.
  public var statesMetadata = false
  /// What the reader noticed.
  public var findings: [Finding]
  /// What the file holds beside the tensors of `records`: an epoch, the
  /// tensors of an optimizer.
  public var others: [OtherEntry]
  /// Numbers among these, of types that no tensor can have: to be compared, not written.
  public var unsupported: [TensorRecord] = []
  /// The keys that lead to the container from which `records` were taken, empty
  /// where they lie at the top.
  public var rootPath: [String]
  /// The names that a pickle would have Python import.
  public var globals: [GlobalUse]
  /// Small files that lie in it beside the tensors: an adapter's configuration.
  public var sideFiles: [SideFile] = []

  public init(
    format: FileFormat, records: [TensorRecord],
    metadata: OrderedDictionary<String, String> = [:], findings: [Finding] = [],
    others: [OtherEntry] = [], rootPath: [String] = [], globals: [GlobalUse] = []
  ) {
    self.format = format
    self.records = records
    self.metadata = metadata
    self.findings = findings
    self.others = others
    self.rootPath = rootPath
    self.globals = globals
  }
}
