public import Formats

/// Everything that a merge (or a conversion, which is a merge without adapters)
/// is going to do, complete before the first byte is written.
///
/// A plain value: it can be printed, and each of its files can be written on a
/// machine of its own.
public struct MergePlan: Sendable {
  /// The files of tensors to write.
  public var files: [PlannedFile]
  /// Files of the input that go out as they are.
  public var sideFiles: [SideFile]
  /// Small files made by the plan: an index, a changed configuration.
  public var documents: [Document]
  /// What was noticed on the way.
  public var findings: [Finding]
  /// The most bytes that the execution holds at any time.
  public var memory: MemoryEstimate
  /// Where roundings happen.
  public var numerics: Numerics
  /// Checksums that the input states of data that no tensor copies as it lies in
  /// its file; those of the others are with their tensors.
  var unreadChecksums: [StoredChecksum] = []
  var blocks: BlockSize
  var scratch: WorkerScratch.Sizes

  /// A small file whose bytes the plan knows.
  public struct Document: Sendable {
    public var name: String
    public var bytes: [UInt8]
  }

  /// The files that are read: those of tensors and those that are copied.
  public var inputs: [String] {
    var paths = Set(sideFiles.map(\.path))
    for tensor in tensors {
      var records = [tensor.source]
      if case .update(let update) = tensor.operation { records += update.inputs }
      for record in records { paths.formUnion(record.bytes?.extents.map(\.file.path) ?? []) }
    }
    return paths.sorted()
  }

  /// The bytes that the output takes on the disk.
  public var byteCount: Int {
    files.reduce(0) { $0 + $1.layout.byteCount } + documents.reduce(0) { $0 + $1.bytes.count }
  }

  /// The bytes that the output takes on the disk at least.
  public var minimumByteCount: Int {
    files.reduce(byteCount) { $0 - $1.layout.byteCount + $1.layout.minimumByteCount }
  }

  /// All tensors of the output whose data is written, file by file.
  public var tensors: [PlannedTensor] { files.flatMap(\.tensors) }
}

/// Where the roundings of a merge happen.
public enum Numerics: String, Sendable, Hashable, CaseIterable {
  /// All adapters are folded in float32; one rounding to the output type.
  case exact
  /// Each rounding where PEFT's `merge_and_unload()` makes it on a CPU.
  case peft
}

/// One file of tensors to write.
public struct PlannedFile: Sendable {
  public var name: String
  /// Its tensors, in the order in which their data lies in the file.
  public var tensors: [PlannedTensor]
  /// The place of everything; offsets in the order of `tensors`.
  public var layout: OutputLayout
}

/// One tensor to write and what has to be done for it.
public struct PlannedTensor: Sendable {
  public var name: String
  public var type: TensorType
  public var shape: [Int]
  public var operation: Operation
  /// What its data takes the place of, where that is an adapter's.
  var replacement: Replacement?
  /// Its name in the file, where that is not `name`: a model of a pipeline knows nothing
  /// of the others.
  var nameInFile: String?
  /// Where its name stands among the names of the input.
  var order = 0
  /// Other names under which the output has the same data.
  public var aliases: [OutputTensor.Alias] = []
  /// The checksum that the input states of the bytes that the operation reads, to
  /// be held against them.
  var checksum: StoredChecksum?

  public enum Operation: Sendable {
    /// The bytes go out as they came in.
    case copy(TensorRecord)
    /// Each element is converted to the type of the output.
    case cast(TensorRecord)
    /// The values that the steps leave, rounded to the type of the output.
    case update(TensorUpdate)
  }

  /// Whether its data is an adapter's in place of the base's.
  public var isReplacement: Bool { replacement != nil }

  /// The tensor that the operation reads.
  public var source: TensorRecord {
    switch operation {
    case .copy(let record), .cast(let record): record
    case .update(let update): update.base
    }
  }

  /// Whether its input is read from front to back by one worker.
  var isStreamed: Bool {
    if case .update = operation { false } else { source.isStreamed }
  }

  /// What of its inputs is in memory while it is worked on.
  var byteCountInMemory: Int {
    if isStreamed { return 0 }
    guard case .update(let update) = operation else { return source.gatheredByteCount }
    return source.gatheredByteCount + update.byteCountInMemory
  }

  /// The bytes of the data, row by row.
  public var byteCount: Int {
    TensorRecord(name: name, type: type, shape: shape, bytes: nil).byteCount
  }

  /// The output as its file's layout needs it.
  var outputTensor: OutputTensor {
    OutputTensor(
      name: nameInFile ?? name, type: type, shape: shape, byteCount: byteCount, order: order,
      aliases: aliases)
  }
}

/// The memory that the execution of a plan takes, in bytes.
public struct MemoryEstimate: Sendable, Hashable {
  /// Scratch of each worker.
  public var perWorker: Int
  /// Factors and gathered tensors that all workers share.
  public var shared: Int

  /// The whole for a number of workers.
  public func total(workers: Int) -> Int { shared + perWorker * workers }
}
