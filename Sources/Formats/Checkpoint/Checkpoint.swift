public import OrderedCollections

/// What every reader returns and every question takes: the tensors of a file,
/// of many shards or of a directory, and what lies around them.
public struct Checkpoint: Sendable {
  /// The path as the user gave it.
  public var path: String
  public var format: FileFormat
  /// The tensors in file order; names are unique.
  public var records: [TensorRecord]
  /// The strings a safetensors file carries in `__metadata__`, and their like.
  public var metadata: OrderedDictionary<String, String>
  /// Whether its files have a place for metadata, so that none means none.
  public var statesMetadata = false
  /// The tensor files, in reading order.
  public var shards: [Shard]
  /// The directories of a pipeline, one for each of its models: the names of their
  /// tensors and files begin with them. Empty for a single model.
  public var components: [String] = []
  /// Files that were read beside those of the shards and hold parts of tensors: what
  /// the other ranks of a training saved.
  public var furtherFiles: [InputFile] = []
  /// Files that an index names and that could not be read, where that was asked for.
  public var absentShards: [AbsentShard] = []
  /// The other files of the directory, sorted by name: configuration, tokenizer,
  /// code, also tensor files that are not part of the weights; then chat templates.
  public var sideFiles: [SideFile]
  /// What the readers noticed.
  public var findings: [Finding]
  /// Names that the file holds beside its tensors (an epoch, an optimizer's
  /// state), for listing: path and a short description.
  public var others: [OtherEntry]
  /// Numbers among these, of types that no tensor can have: to be compared, not written.
  public var unsupported: [TensorRecord] = []
  /// The keys inside a PyTorch file that lead to the container of the tensors.
  public var rootPath: [String] = []
  /// The names of the tensors that were trained, where the checkpoint tells them:
  /// DeepSpeed keeps them apart from buffers and frozen parameters.
  public var trained: Set<ExactName>?

  public init(
    path: String, format: FileFormat, records: [TensorRecord] = [],
    metadata: OrderedDictionary<String, String> = [:], shards: [Shard] = [],
    sideFiles: [SideFile] = [], findings: [Finding] = [], others: [OtherEntry] = []
  ) {
    self.path = path
    self.format = format
    self.records = records
    self.metadata = metadata
    self.shards = shards
    self.sideFiles = sideFiles
    self.findings = findings
    self.others = others
  }

  /// Every file that holds data of the tensors.
  public var files: [InputFile] { shards.map(\.file) + furtherFiles }

  /// The position of each tensor by name.
  public func positions() -> NameTable { NameTable(records) }

  /// The side file of this name, or nil.
  public func sideFile(_ name: String) -> SideFile? { sideFiles.first { $0.name == name } }
}

/// One tensor file of a checkpoint.
public struct Shard: Sendable {
  /// The file name as its index or directory has it.
  public var name: String
  public var file: InputFile
  /// The positions of its tensors in `Checkpoint.records`.
  public var records: Range<Int>

  public init(name: String, file: InputFile, records: Range<Int>) {
    self.name = name
    self.file = file
    self.records = records
  }
}

/// A file that belongs to a model beside its tensors.
public struct SideFile: Sendable {
  /// The directory that transformers reads further chat templates from.
  static let templateDirectory = "additional_chat_templates"

  /// The name, with the directory that it is in, if any.
  public var name: String
  public var path: String
  /// Whether it lies in the directory of a module that follows the model's own layers.
  public internal(set) var isOfModule = false

  public init(name: String, path: String) {
    self.name = name
    self.path = path
  }

  /// The chat templates in the directory that is known to hold such.
  static func templates(in listing: DirectoryListing) -> [SideFile] {
    guard listing.directories.contains(templateDirectory),
      let inner = try? DirectoryListing(path: listing.path(of: templateDirectory))
    else { return [] }
    return inner.files.filter { $0.hasSuffix(".jinja") }
      .map { SideFile(name: "\(templateDirectory)/\($0)", path: inner.path(of: $0)) }
  }

  /// Whether it is another file of tensors, by its name; those of modules belong to the model
  /// as they are.
  public var holdsTensors: Bool { !isOfModule && DirectorySource.isTensorFile(name) }
}

/// Something that a file holds beside tensors.
public struct OtherEntry: Sendable, Hashable {
  /// The path of what is the whole content of a file.
  public static let top = "(top)"

  public var path: String
  public var description: String

  public init(path: String, description: String) {
    self.path = path
    self.description = description
  }
}

/// The format of a tensor file, recognised by content.
public enum FileFormat: String, Sendable, Hashable, CaseIterable {
  case safetensors
  case pytorchZip = "pytorch-zip"
  case pytorchLegacy = "pytorch-legacy"
  case pytorchTar = "pytorch-tar"
  case torchscript
  case hdf5
  case deepspeed
}
