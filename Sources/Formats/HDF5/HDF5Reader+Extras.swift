import OrderedCollections

// What a file carries beside its tensors.
extension HDF5Reader {
  /// What is said of the tensors: a dataset of its own by our convention, and the
  /// attributes of groups and datasets.
  func metadata() throws(CheckpointError) -> HDF5Metadata {
    var metadata = HDF5Metadata(names.isOwnConvention ? try ownMetadata() : [:])
    for group in index.groups {
      let isRoot = group.path.isEmpty
      metadata.add(
        // The one by which the file is known is no part of what it says.
        group.attributes.filter {
          !(isRoot && names.isOwnConvention && $0.name == HDF5Convention.attribute)
        }, of: isRoot ? "" : names.name(of: group.path))
    }
    for dataset in index.datasets where !dataset.isFurtherName {
      let heeded = HDF5TypeRow.heeded(
        dataset.type, dtype: dataset.attributes["dtype"]?.string)
      metadata.add(
        dataset.attributes.filter { !heeded.contains($0.name) }, of: names.name(of: dataset.path))
    }
    return metadata
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
