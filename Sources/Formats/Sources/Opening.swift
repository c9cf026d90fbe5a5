public import Compute
import OrderedCollections
import SystemPackage

extension Checkpoint {
  /// How `open` is to treat what it finds.
  public struct OpeningOptions: Sendable {
    /// Faults that leave the tensors readable (an index that lies) become
    /// findings; otherwise they are thrown.
    public var isTolerant: Bool
    /// Shards that cannot be read are listed with what their index tells; otherwise the
    /// first of them is an error.
    public var listsAbsentShards: Bool
    /// The keys that lead to the tensors inside a PyTorch file, instead of the
    /// container that holds most of them.
    public var root: [String]?
    /// The states of DeepSpeed's ZeRO are opened even where a directory holds
    /// weights of its own as well.
    public var prefersZero: Bool
    /// What joins the groups and the name of an HDF5 dataset to the name of a tensor.
    public var hdf5Separator = "."
    /// What opaque HDF5 data of the width of each is where the file does not tell.
    public var assumedTypes: [ElementType] = []

    public init(
      isTolerant: Bool = false, listsAbsentShards: Bool = false, root: [String]? = nil,
      prefersZero: Bool = false
    ) {
      self.isTolerant = isTolerant
      self.listsAbsentShards = listsAbsentShards
      self.root = root
      self.prefersZero = prefersZero
    }
  }

  /// Opens what `path` leads to: a tensor file, an index or a directory,
  /// recognised by content and layout. Reads headers only.
  public static func open(_ path: String, options: OpeningOptions = OpeningOptions())
    throws(CheckpointError) -> Checkpoint
  {
    var checkpoint =
      if try isDirectory(path) {
        try DirectorySource(path: path, options: options).open()
      } else {
        try openFile(path, options: options)
      }
    checkpoint.path = path
    return checkpoint
  }

  private static func openFile(_ path: String, options: OpeningOptions) throws(CheckpointError)
    -> Checkpoint
  {
    let file = try InputFile(path: path)
    if let refusal = DistributedCheckpoint.refusal(file) { throw refusal }
    guard case .json = try Recognition.of(file) else {
      let name = FilePath(path).lastComponent?.string ?? path
      var checkpoint = Checkpoint(
        path: path, parts: [(name, file, try TensorFile.read(file, options: options))])
      if checkpoint.sideFiles.isEmpty {
        checkpoint.sideFiles = DirectorySource.adapterConfiguration(beside: path)
      }
      return checkpoint
    }
    // An index stands for the whole model, whose other files lie beside it.
    let parent = FilePath(path).removingLastComponent().string
    let directory = parent.isEmpty ? "." : parent
    var checkpoint = try ShardIndex(path: path).open(in: directory, options: options)
    checkpoint.sideFiles = DirectorySource.sideFiles(
      of: checkpoint, in: try DirectoryListing(path: directory))
    return checkpoint
  }

  /// Puts a checkpoint together from the files that hold its tensors.
  init(path: String, parts: [(name: String, file: InputFile, contents: TensorFile)]) {
    self.init(path: path, format: parts.first?.contents.format ?? .safetensors)
    statesMetadata = parts.first?.contents.statesMetadata ?? false
    for part in parts {
      let start = records.count
      // A single file's table is taken over as it is.
      if records.isEmpty {
        records = part.contents.records
      } else {
        records += part.contents.records
      }
      shards.append(Shard(name: part.name, file: part.file, records: start..<records.count))
      metadata.merge(part.contents.metadata) { first, _ in first }
      findings += part.contents.findings
      others += part.contents.others
      unsupported += part.contents.unsupported
      sideFiles += part.contents.sideFiles
      if rootPath.isEmpty { rootPath = part.contents.rootPath }
    }
  }
}

extension TensorFile {
  /// Reads the header of a tensor file in any format.
  static func read(_ file: InputFile, options: Checkpoint.OpeningOptions) throws(CheckpointError)
    -> TensorFile
  {
    switch try Recognition.of(file) {
    case .safetensors: return try SafetensorsReader.read(file)
    case .pytorch: return try PyTorchReader.read(file, root: options.root)
    case .hdf5: return try HDF5Reader.read(file, options: options)
    case .json:
      throw CheckpointError(
        path: file.path, "is a JSON text where a file of tensors was expected")
    case .foreign(let name, let fix):
      throw CheckpointError(path: file.path, "is \(name), not a checkpoint", fix: fix)
    case .unknown:
      // A pickle of the first protocols begins like text.
      if let pickle = PyTorchReader.barePickle(file) { throw pickle.with(path: file.path) }
      throw CheckpointError(
        path: file.path,
        file.size == 0
          ? "is empty; expected a file of tensors"
          : "is no tensor file: it begins like no format that tenon reads")
    }
  }
}
