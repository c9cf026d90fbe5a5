import OrderedCollections

// What a file carries beside its tensors.
extension HDF5Reader {
  /// What is said of the tensors: a dataset of its own by our convention, else the
  /// attributes of groups and datasets.
  func metadata() throws(CheckpointError) -> OrderedDictionary<String, String> {
    guard !names.isOwnConvention else { return try ownMetadata() }
    var metadata: OrderedDictionary<String, String> = [:]
    for group in index.groups { add(group.attributes, of: group.path, to: &metadata) }
    for dataset in index.datasets where !dataset.isFurtherName {
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
    let record = try content(of: dataset, limit: InputFile.maximumJSONByteCount)
    guard let members = try JSONValue(parsing: try TensorData.bytes(of: record)).object else {
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
}
