public import Compute
public import Formats

/// What the user asked of an output, whatever it is made from.
public struct OutputOptions: Sendable {
  /// The type for all float tensors; nil keeps each as it is.
  public var type: ElementType?
  public var format: OutputFormat
  public var numerics: Numerics
  /// The most bytes that the execution may hold.
  public var maximumMemory: Int
  public var threads: Int
  /// The most bytes of tensors in a file; nil cuts as the input is cut.
  public var maximumShardSize: Int?
  /// Everything into one file instead of a directory.
  public var isSingleFile: Bool
  /// How the tensors of an HDF5 file are compressed; nil leaves them as they are.
  public var compression: ChunkCompression?
  /// Tied embeddings stay one tensor, whichever of the two is changed, as with PEFT.
  public var keepsTied = false

  public init(
    type: ElementType? = nil, format: OutputFormat = .safetensors, numerics: Numerics = .exact,
    maximumMemory: Int = OutputOptions.defaultMaximumMemory, threads: Int = 1,
    maximumShardSize: Int? = nil, isSingleFile: Bool = false
  ) {
    self.type = type
    self.format = format
    self.numerics = numerics
    self.maximumMemory = maximumMemory
    self.threads = threads
    self.maximumShardSize = maximumShardSize
    self.isSingleFile = isSingleFile
  }

  /// Enough for any matrix that is in use, little enough for a small machine.
  public static let defaultMaximumMemory = 1 << 30
}
