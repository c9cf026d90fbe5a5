import Compute

// The files that lie inside the file, by the convention of tenon-hdf5(5).
extension HDF5Reader {
  /// The files that lay beside the tensors, which from now on are found at their paths,
  /// and a finding on those whose names are not to be trusted.
  func sideFiles() throws(CheckpointError) -> (files: [SideFile], findings: [Finding]) {
    guard names.isOwnConvention else { return ([], []) }
    let group = "/\(HDF5Convention.files)/"
    var files: [SideFile] = []
    var refused: [String] = []
    for dataset in index.datasets where dataset.path.hasPrefix(group) {
      let link = String(dataset.path.dropFirst(group.count))
      guard let name = HDF5Convention.name(ofLink: link), SideFile.isCarried(name),
        HDF5Convention.link(ofName: name) == link
      else {
        refused.append(link)
        continue
      }
      let path = "\(file.path)\(group)\(name)"
      EmbeddedFiles.add(
        try content(of: dataset, limit: HDF5Layout.maximumDocumentByteCount), at: path)
      files.append(SideFile(name: name, path: path))
    }
    return (files, refused.isEmpty ? [] : [HDF5Findings.files(refused)])
  }

  /// The bytes that a dataset holds: one string of fixed length, or a row of bytes.
  func content(of dataset: HDF5Index.Dataset, limit: Int) throws(CheckpointError) -> TensorRecord {
    let count: Int
    switch (dataset.type, dataset.shape) {
    case (.string(let byteCount, false), []): count = byteCount
    case (.string(_, false), [0]), (.string(_, false), nil): count = 0
    case (.integer(1, false, _), .some(let shape)) where shape.count == 1: count = shape[0]
    default:
      throw CheckpointError(
        tensor: dataset.path,
        "is neither one string of fixed length nor a row of bytes, which were expected here")
    }
    guard count <= limit else {
      throw CheckpointError(
        tensor: dataset.path, "has \(count) bytes; at most \(limit) are expected here")
    }
    return TensorRecord(
      name: dataset.path, type: .element(.u8), shape: [count],
      bytes: try bytes(of: dataset, count: count))
  }

  private func bytes(of dataset: HDF5Index.Dataset, count: Int) throws(CheckpointError)
    -> TensorBytes
  {
    guard count > 0 else { return TensorBytes(extents: [Extent(file: file, offset: 0, count: 0)]) }
    switch dataset.storage {
    case .contiguous(let offset?, _):
      if let extent = Extent(file, at: offset, count: UInt64(count)) {
        return TensorBytes(extents: [extent])
      }
    case .header(let bytes) where bytes.count == count:
      let kept = try InputFile(holding: bytes, name: file.path)
      return TensorBytes(extents: [Extent(file: kept, offset: 0, count: count)])
    case .chunked(let chunks):
      let (storage, extents) = try ChunkedStorage.checked(
        dataset, chunks, in: file, isDoubtful: false)
      return TensorBytes(extents: extents, codec: .chunked(storage))
    default: break
    }
    throw CheckpointError(tensor: dataset.path, "\(count) bytes do not lie in the file")
  }
}
