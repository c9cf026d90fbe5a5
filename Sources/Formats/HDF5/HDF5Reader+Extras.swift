import OrderedCollections

// What a file carries beside its tensors.
extension HDF5Reader {
  /// What is said of the tensors: a dataset of its own by our convention, else the
  /// attributes of groups and datasets.
  func metadata() throws(CheckpointError) -> OrderedDictionary<String, String> {
    guard !names.isOwnConvention else { return try ownMetadata() }
    var metadata: OrderedDictionary<String, String> = [:]
    for group in index.groups { add(group.attributes, of: group.path, to: &metadata) }
    for dataset in index.datasets {
      // These two tell what the bytes are.
      let attributes = dataset.attributes.filter { $0.name != "dtype" && $0.name != "shape" }
      add(attributes, of: dataset.path, to: &metadata)
    }
    return metadata
  }

  /// An attribute of the root group has its own name, others that of what they are on.
  private func add(
    _ attributes: [HDF5Attribute], of path: String,
    to metadata: inout OrderedDictionary<String, String>
  ) {
    for attribute in attributes {
      guard let text = attribute.text else { continue }
      metadata[path.isEmpty ? attribute.name : "\(names.name(of: path))@\(attribute.name)"] = text
    }
  }

  private func ownMetadata() throws(CheckpointError) -> OrderedDictionary<String, String> {
    let path = "/\(HDF5Convention.metadata)"
    guard let dataset = index.datasets.first(where: { $0.path == path }) else { return [:] }
    let extent = try textExtent(of: dataset)
    let bytes = try file.read(extent.count, at: extent.offset)
    guard let members = try JSONValue(parsing: bytes).object else {
      throw CheckpointError(tensor: HDF5Convention.metadata, "is no JSON object of strings")
    }
    var metadata: OrderedDictionary<String, String> = [:]
    for member in members {
      guard let value = member.value.string else {
        throw CheckpointError(
          tensor: HDF5Convention.metadata, "holds \(member.key.quoted), which is no string")
      }
      metadata[member.key] = value
    }
    return metadata
  }

  /// The files that lay beside the tensors. From now on they are found at their paths.
  func sideFiles() throws(CheckpointError) -> [SideFile] {
    guard names.isOwnConvention else { return [] }
    let group = "/\(HDF5Convention.files)/"
    var files: [SideFile] = []
    for dataset in index.datasets where dataset.path.hasPrefix(group) {
      let name = String(dataset.path.dropFirst(group.count))
      // A name that leads elsewhere is nobody's; links cannot hold a slash.
      guard !name.contains("/"), name != ".." else { continue }
      let path = "\(file.path)\(group)\(name)"
      EmbeddedFiles.add(try textExtent(of: dataset), at: path)
      files.append(SideFile(name: name, path: path))
    }
    return files
  }

  /// Where the one text lies that the dataset is.
  private func textExtent(of dataset: HDF5Index.Dataset) throws(CheckpointError) -> Extent {
    guard case .string(let byteCount, false) = dataset.type,
      case .contiguous(let offset, _) = dataset.storage, let shape = dataset.shape
    else {
      throw CheckpointError(
        tensor: dataset.path, "is no single string of fixed length, which was expected here")
    }
    if shape == [0] { return Extent(file: file, offset: 0, count: 0) }
    guard shape.isEmpty, let offset, byteCount <= InputFile.maximumJSONByteCount,
      byteCount <= file.size, offset <= file.size - byteCount
    else {
      throw CheckpointError(
        tensor: dataset.path, "\(byteCount) bytes of text do not lie in the file")
    }
    return Extent(file: file, offset: offset, count: byteCount)
  }
}
