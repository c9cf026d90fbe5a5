import Compute
import OrderedCollections

/// Reads what an HDF5 file holds: its datasets as tensors, its attributes as metadata.
///
/// libhdf5 only tells where everything lies, in a process of its own; the data is read
/// from there by ourselves. Links that lead by name are told and never followed.
public struct HDF5Reader {
  let file: InputFile
  let index: HDF5Index
  let names: HDF5Names
  private let assumedTypes: [ElementType]
  private var memory: [UInt8] = []
  private var drafts: [Draft] = []
  private var others: [OtherEntry] = []
  private var findings: [Finding] = []

  /// A tensor whose place is known, perhaps in memory that is still being filled.
  private struct Draft {
    let name: String
    let path: String
    let type: TensorType
    let shape: [Int]
    let transforms: ElementTransforms
    let place: Place
  }

  private enum Place {
    case file(Extent)
    /// From this byte of the memory on.
    case memory(Int, byteCount: Int)
    /// One element in memory, which stands for all.
    case repeated(Int)
    case chunks(ChunkedStorage, [Extent])
  }

  static func read(_ file: InputFile, options: Checkpoint.OpeningOptions) throws(CheckpointError)
    -> TensorFile
  {
    do throws(CheckpointError) {
      return try read(file, answer: try HDF5Helper.index(file), options: options)
    } catch {
      throw error.with(path: file.path)
    }
  }

  /// The same with what the helper answered, be it what it may.
  public static func read(
    _ file: InputFile, answer: [UInt8],
    options: Checkpoint.OpeningOptions = Checkpoint.OpeningOptions()
  ) throws(CheckpointError) -> TensorFile {
    var reader = HDF5Reader(file, try HDF5Answer(answer).index, options)
    return try reader.contents()
  }

  private init(_ file: InputFile, _ index: HDF5Index, _ options: Checkpoint.OpeningOptions) {
    self.file = file
    self.index = index
    assumedTypes = options.assumedTypes
    names = HDF5Names(index, separator: options.hdf5Separator)
  }

  private mutating func contents() throws(CheckpointError) -> TensorFile {
    // Headers lie in the order of creation, which the names have lost.
    for dataset in index.datasets.sorted(by: { $0.address < $1.address })
    where !names.isOwn(dataset.path) {
      try add(dataset)
    }
    let records = try records()
    if let position = firstRepeatedName(in: records) { throw ambiguity(at: position) }
    let (sideFiles, refusals) = try sideFiles()
    let metadata = try metadata()
    var contents = TensorFile(
      format: .hdf5, records: records, metadata: metadata.entries,
      findings: findings + refusals + HDF5Findings.links(index) + metadata.findings,
      others: others)
    contents.statesMetadata = names.isOwnConvention
    contents.rootPath = names.rootPath
    contents.sideFiles = sideFiles
    return contents
  }

  private mutating func add(_ dataset: HDF5Index.Dataset) throws(CheckpointError) {
    let name = names.name(of: dataset.path)
    do throws(CheckpointError) {
      if !names.isWeight(dataset.path) {
        others.append(OtherEntry(path: name, description: HDF5Findings.description(dataset)))
      } else if dataset.shape == nil {
        others.append(OtherEntry(path: name, description: "no elements"))
      } else if case .elsewhere(let what) = dataset.storage {
        findings.append(HDF5Findings.elsewhere(name, what))
        others.append(OtherEntry(path: name, description: what))
      } else if let type = HDF5TypeRow.reading(
        dataset.type, dtype: dataset.attributes["dtype"]?.string, assuming: assumedTypes)
      {
        try add(dataset, name, type)
      } else {
        others.append(OtherEntry(path: name, description: HDF5Findings.description(dataset)))
      }
    } catch {
      throw error.with(tensor: name)
    }
  }

  private mutating func add(_ dataset: HDF5Index.Dataset, _ name: String, _ type: TensorType)
    throws(CheckpointError)
  {
    let stored = dataset.shape ?? []
    let width = dataset.type.byteCount
    let byteCount = try Self.byteCount(stored, width: width)
    let shape = try Self.shape(of: dataset, type, byteCount: byteCount)
    let place = try place(of: dataset, byteCount: byteCount, width: width)
    drafts.append(
      Draft(
        name: name, path: dataset.path, type: type, shape: shape,
        transforms: dataset.type.isBigEndian == true ? .swapBytes : [], place: place))
  }

  private mutating func place(
    of dataset: HDF5Index.Dataset, byteCount: Int, width: Int
  ) throws(CheckpointError) -> Place {
    guard byteCount > 0 else { return .file(Extent(file: file, offset: 0, count: 0)) }
    switch dataset.storage {
    case .header(let bytes):
      guard bytes.count == byteCount else {
        throw CheckpointError("its header holds \(bytes.count) bytes; expected \(byteCount)")
      }
      return keep(bytes)
    case .contiguous(let offset?, let stored):
      guard stored >= byteCount, byteCount <= file.size, offset <= file.size - byteCount else {
        throw CheckpointError(
          offset: offset,
          "\(byteCount) bytes expected here (\(stored) are set aside), but the file has "
            + "\(file.size)")
      }
      return .file(Extent(file: file, offset: offset, count: byteCount))
    case .chunked(let chunks) where !chunks.chunks.isEmpty:
      let (storage, extents) = try ChunkedStorage.checked(dataset, chunks, in: file)
      return .chunks(storage, extents)
    case .contiguous, .chunked, .elsewhere: return repeated(dataset.fill, width: width)
    }
  }

  private mutating func keep(_ bytes: [UInt8]) -> Place {
    memory += bytes
    return .memory(memory.count - bytes.count, byteCount: bytes.count)
  }

  /// One element that stands for all that were never written.
  private mutating func repeated(_ fill: [UInt8], width: Int) -> Place {
    // Views count in elements.
    memory += [UInt8](repeating: 0, count: (width - memory.count % width) % width)
    memory += fill.count == width ? fill : [UInt8](repeating: 0, count: width)
    return .repeated(memory.count / width - 1)
  }

  private func records() throws(CheckpointError) -> [TensorRecord] {
    let kept = memory.isEmpty ? file : try InputFile(holding: memory, name: file.path)
    return drafts.map { draft in
      let bytes =
        switch draft.place {
        case .file(let extent): TensorBytes(extents: [extent], transforms: draft.transforms)
        case .memory(let offset, let byteCount):
          TensorBytes(
            extents: [Extent(file: kept, offset: offset, count: byteCount)],
            transforms: draft.transforms)
        case .repeated(let element):
          TensorBytes(
            extents: [Extent(file: kept, offset: 0, count: kept.size)],
            view: StridedView(
              offset: element, strides: draft.shape.map { _ in 0 }),
            transforms: draft.transforms)
        case .chunks(let storage, let extents):
          TensorBytes(
            extents: extents, codec: .chunked(storage), transforms: draft.transforms)
        }
      return TensorRecord(name: draft.name, type: draft.type, shape: draft.shape, bytes: bytes)
    }
  }

  private func ambiguity(at position: Int) -> CheckpointError {
    let draft = drafts[position]
    let other = drafts.first {
      ExactName($0.path) != ExactName(draft.path) && ExactName($0.name) == ExactName(draft.name)
    }
    // Paths are shown with what is no UTF-8 in them replaced.
    guard let other else {
      return CheckpointError(
        tensor: draft.name, "is the name of two datasets, whose names in the file are not UTF-8")
    }
    return CheckpointError(
      tensor: draft.name,
      "is the name of two datasets, \(other.path.quoted) and \(draft.path.quoted)",
      fix: names.canDiffer(other.path, draft.path)
        ? "choose what joins groups and names with --hdf5-separator" : nil)
  }
}
