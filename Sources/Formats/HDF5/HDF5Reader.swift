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
  /// Whether the datasets claim more than anybody puts into a file like this.
  private let isDoubtful: Bool
  private var memory: [UInt8] = []
  private var drafts: [Draft] = []
  /// Numbers that no tensor can have.
  private var unsupported: [Draft] = []
  private var others: [OtherEntry] = []
  private var findings: [Finding] = []
  /// What is there but cannot be read: it stays in the list, so that nobody loses it unseen.
  private var unreadable: [(path: String, record: TensorRecord)] = []

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
    isDoubtful = ChunkedStorage.isDoubtful(index, in: file)
  }

  private mutating func contents() throws(CheckpointError) -> TensorFile {
    // What a writer has not finished is not damaged.
    if let object = index.unreadable.first, HDF5Helper.isMarkedOpen(file) {
      throw HDF5Helper.failure(file, "\(object.path): \(object.reason)")
    }
    // Headers lie in the order of creation, which the names have lost.
    for dataset in index.datasets.sorted(by: { $0.address < $1.address })
    where !names.isOwn(dataset.path) {
      add(dataset)
    }
    for object in index.unreadable { addUnreadable(object.path, because: object.reason) }
    let all = drafts + unsupported
    let records = try records(all)
    if let position = firstRepeatedName(in: records + unreadable.map(\.record)) {
      throw names.ambiguity(at: position, of: all.map(\.path) + unreadable.map(\.path))
    }
    let (sideFiles, refusals) = try sideFiles()
    let metadata = try metadata()
    findings += HDF5Findings.unsupported(unsupported.map { ($0.name, $0.type.name) })
    findings += refusals + HDF5Findings.links(index) + metadata.findings
    var contents = TensorFile(
      format: .hdf5, records: records.prefix(drafts.count) + unreadable.map(\.record),
      metadata: metadata.entries, findings: findings, others: others)
    contents.unsupported = Array(records.dropFirst(drafts.count))
    contents.statesMetadata = names.isOwnConvention
    contents.rootPath = names.rootPath
    contents.sideFiles = sideFiles
    return contents
  }

  private mutating func addUnreadable(_ path: String, because reason: String) {
    let name = names.name(of: path)
    // It may be the group of the weights itself.
    guard names.isWeight(path + "/") else {
      return others.append(OtherEntry(path: name, description: "unreadable: \(reason)"))
    }
    findings.append(
      Finding(
        .error, .unreadableObject, tensors: [name], "\(name.quoted) cannot be read: \(reason)"))
    let type = TensorType.foreign(name: "unreadable: \(reason)", bitWidth: 0)
    unreadable.append((path, TensorRecord(name: name, type: type, shape: [], bytes: nil)))
  }

  private mutating func add(_ dataset: HDF5Index.Dataset) {
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
        drafts.append(try draft(of: dataset, name, type))
      } else {
        others.append(OtherEntry(path: name, description: HDF5Findings.description(dataset)))
        if let type = HDF5TypeRow.unsupported(dataset.type) {
          unsupported.append(try draft(of: dataset, name, type, inBytes: true))
        }
      }
    } catch {
      addUnreadable(dataset.path, because: error.message)
    }
  }

  /// A tensor, with another axis where it is one of the bytes of each element.
  private mutating func draft(
    of dataset: HDF5Index.Dataset, _ name: String, _ type: TensorType, inBytes: Bool = false
  ) throws(CheckpointError) -> Draft {
    let width = dataset.type.byteCount
    let byteCount = try Self.byteCount(dataset.shape ?? [], width: width)
    let shape =
      inBytes
      ? (dataset.shape ?? []) + [width] : try Self.shape(of: dataset, type, byteCount: byteCount)
    var transforms: ElementTransforms = dataset.type.isBigEndian == true ? .swapBytes : []
    // What others take for true; what we wrote goes out as it came in.
    if type == .element(.bool), !names.isOwnConvention { transforms.insert(.truth) }
    return Draft(
      name: name, path: dataset.path, type: type, shape: shape, transforms: transforms,
      place: try place(of: dataset, byteCount: byteCount, width: width))
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
      guard stored >= byteCount,
        let extent = Extent(file, at: offset, count: UInt64(byteCount))
      else {
        throw CheckpointError(
          "\(byteCount) bytes expected at byte \(offset) (\(stored) are set aside), but the file "
            + "has \(file.size)")
      }
      return .file(extent)
    case .chunked(let chunks) where !chunks.chunks.isEmpty:
      let (storage, extents) = try ChunkedStorage.checked(
        dataset, chunks, in: file, isDoubtful: isDoubtful)
      return .chunks(storage, extents)
    case .contiguous, .chunked, .elsewhere:
      let storage = ChunkedStorage.unwritten(
        dataset, count: byteCount / width, isDoubtful: isDoubtful)
      return .chunks(storage, [Extent(file: file, offset: 0, count: 0)])
    }
  }

  private mutating func keep(_ bytes: [UInt8]) -> Place {
    memory += bytes
    return .memory(memory.count - bytes.count, byteCount: bytes.count)
  }

  private func records(_ drafts: [Draft]) throws(CheckpointError) -> [TensorRecord] {
    let kept = memory.isEmpty ? file : try InputFile(holding: memory, name: file.path)
    return drafts.map { draft in
      let bytes =
        switch draft.place {
        case .file(let extent): TensorBytes(extents: [extent], transforms: draft.transforms)
        case .memory(let offset, let byteCount):
          TensorBytes(
            extents: [Extent(file: kept, offset: offset, count: byteCount)],
            transforms: draft.transforms)
        case .chunks(let storage, let extents):
          TensorBytes(
            extents: extents, codec: .chunked(storage), transforms: draft.transforms)
        }
      return TensorRecord(name: draft.name, type: draft.type, shape: draft.shape, bytes: bytes)
    }
  }
}
